//! The checks that stand between a look and a claim, and what a look leads to: everything that may forbid a trigger.

use jiff::SignedDuration;

use super::entries::told;
use super::evidence::Look;
use super::facts::JobSummary;
use super::ids::{ArmId, JobId, MAX_ATTEMPTS};
use super::item_lock::Turn;
use super::pace;
use super::questions::{
    accepted_and_open, is_claim_open, resolve_help, run_timeout_passed, start_by_passed,
};
use super::record::{Attempt, AttemptState, End, Failure, Matching, NoteKind, Resolve};
use super::release::{may_let_go, until_surely_unlisted, until_visible_for_good};

/// What a look leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This job is the run's: follow it.
    Adopt {
        /// Whose job it is.
        attempt: u8,
        /// The job.
        job: JobSummary,
        /// A younger job that carries the same request id.
        beside: Option<JobId>,
    },
    /// A person says that this job is the run's.
    AdoptAsTold(JobSummary),
    /// Claim this attempt, then trigger.
    Claim(u8),
    /// A 409 meant what it said: nothing started. Wait, then claim again.
    NotStarted,
    /// The point must be chosen first.
    SelectFirst,
    /// It stays open; look again after this time.
    Wait(SignedDuration),
    /// A trigger could follow, but not now: why, for a person. Look again after a while.
    Hold(NoteKind, String),
    /// It cannot be known: a person decides.
    Block(String),
    /// It ends.
    End(End, String),
    /// The object is being deleted and nothing holds it back.
    LetGo,
}

/// A claim that no person asked for: what is not certain stops it.
pub(super) fn next_by_itself(look: &Look<'_>, number: u8) -> Decision {
    let attempts = &look.run.record.attempts;
    let unlisted = attempts.iter().rev().find_map(|attempt| {
        let job = attempt.job.as_ref()?;
        let failed = attempt.state == AttemptState::JobFailed;
        (failed && !look.lists_as_ours(job)).then_some((attempt, job))
    });
    if let Some((attempt, job)) = unlisted {
        return match until_surely_unlisted(look, job) {
            Some(wait) => Decision::Wait(wait),
            // No attempt follows a job that is known only by its id.
            None => Decision::End(
                End::Failed(Failure::JobFailed),
                told(attempt.error.as_ref()),
            ),
        };
    }
    let not_found =
        |attempt: &Attempt| attempt.state == AttemptState::NotFound && attempt.number != number;
    if look.matching == Matching::Broken && attempts.iter().any(not_found) {
        // Without a claim there is nothing that a person's word could name.
        return match look.claim() {
            Some(_) => Decision::Block(look.broken_message()),
            None => Decision::End(
                End::Failed(Failure::JobFailed),
                "an attempt of this run was not found and jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken), so none follows; look at the vault's restore jobs of this vm, and create a VmRestore with another spec.runId to try again".to_owned(),
            ),
        };
    }
    match (
        would_claim(look, number),
        run_timeout_passed(look.run, look.now),
    ) {
        // It would not be followed.
        (Decision::Claim(_) | Decision::Hold(..) | Decision::SelectFirst, Some(over)) => {
            Decision::End(
                End::Failed(Failure::RunTimedOut),
                format!(
                    "spec.timeouts.run passed at {over}, before attempt {number} was triggered"
                ),
            )
        }
        (decision, _) => decision,
    }
}

/// The checks that stand between a run that could claim and the claim.
pub(super) fn would_claim(look: &Look<'_>, number: u8) -> Decision {
    let run = look.run;
    if matches!(run.resolve, Some(Resolve::Abandon(_))) {
        return Decision::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run with the annotation vmrestore.azurebackup.dev/resolve; create a new VmRestore, or one with another runId, to restore".to_owned(),
        );
    }
    let not_yet = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    if run.deleting {
        return match not_yet {
            _ if look.claim().is_none() || may_let_go(look) => Decision::LetGo,
            Some(wait) => Decision::Wait(wait),
            // The claim is open, but its window is over and a next attempt would follow: then it may as well go.
            None if is_claim_open_for_nothing(look) => Decision::LetGo,
            None => Decision::Wait(pace::VISIBILITY_BOUND),
        };
    }
    if run.control.cancel {
        return Decision::End(
            End::Cancelled,
            "spec.cancel was set before a restore was triggered".to_owned(),
        );
    }
    if let Some(start_by) = run
        .control
        .start_by
        .filter(|_| start_by_passed(run, look.now))
    {
        return Decision::End(
            End::Failed(Failure::StartByPassed),
            format!(
                "spec.startBy ({start_by}) passed before a restore was triggered; create a new VmRestore to restore after all"
            ),
        );
    }
    if number > MAX_ATTEMPTS {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "all {MAX_ATTEMPTS} attempts of this run are used up; create a VmRestore with another spec.runId to try again"
            ),
        );
    }
    if look.found().iter().any(|found| found.beside.is_some()) {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            "two jobs in Azure carry one request id of this run, so it triggers no further one; look at both in the vault's jobs".to_owned(),
        );
    }
    if let Some(wait) = not_yet {
        return Decision::Wait(wait);
    }
    if run.control.suspend {
        return Decision::Hold(
            NoteKind::WaitingForRetry,
            "spec.suspend is true: no restore is triggered until it is false".to_owned(),
        );
    }
    if run.record.point.is_none() || run.record.item.is_none() || run.record.region.is_none() {
        return Decision::SelectFirst;
    }
    if run.intent.target.overwrites_source()
        && let Some(hold) = not_alone(look)
    {
        return hold;
    }
    Decision::Claim(number)
}

/// What keeps a run from writing over its VM now.
fn not_alone(look: &Look<'_>) -> Option<Decision> {
    if is_forbidden_by_matching(look) {
        return Some(Decision::Hold(
            NoteKind::TriggerOutcomeUnknown,
            "jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken), so what became of a trigger could not be known; a restore to the original location is not triggered until another restore of this vault shows that they do".to_owned(),
        ));
    }
    let busy = |why| Some(Decision::Hold(NoteKind::ItemBusy, why));
    match look.turn {
        Turn::Others(why) => return busy(why.clone()),
        // It was not to trigger when the look began; the next one knows more.
        Turn::NotAsked => return Some(Decision::Wait(SignedDuration::from_secs(1))),
        Turn::Ours => {}
    }
    let other = look.other_restore()?;
    busy(format!(
        "job {} of this vm is {}; a restore to the original location follows when no other restore of the vm is in progress",
        other.job.id,
        other.job.status.as_str()
    ))
}

/// Whether the vault's ids cannot be relied on and a second restore would destroy.
pub(super) fn is_forbidden_by_matching(look: &Look<'_>) -> bool {
    look.matching == Matching::Broken && !look.run.intent.target.may_be_retried()
}

/// What becomes of a claim that was about to be made when the VM that it would make exists already.
pub fn when_target_exists(look: &Look<'_>, vm: &ArmId) -> Decision {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    let attempts = &look.run.record.attempts;
    let in_doubt = attempts.iter().any(|attempt| {
        matches!(
            attempt.state,
            AttemptState::NotFound | AttemptState::Abandoned
        )
    });
    if claim.is_some() && (in_doubt || is_claim_open(claim, own)) {
        return Decision::Block(format!(
            "vm {vm} exists, so an attempt whose job was not found may have made it; delete it if it is not wanted, or {}",
            resolve_help(look.run)
        ));
    }
    let job = attempts
        .iter()
        .rev()
        .find_map(|attempt| attempt.job.as_ref());
    match job {
        Some(job) => Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "job {job} failed and vm {vm} (spec.target.virtualMachineId) exists, so no further attempt can make it; delete the vm and create a new VmRestore"
            ),
        ),
        None => Decision::End(
            End::Failed(Failure::RestoreRefused),
            format!(
                "vm {vm} (spec.target.virtualMachineId) exists already and nothing was restored; delete it, or create a new VmRestore with another name for the vm"
            ),
        ),
    }
}

/// Whether an open claim that a look would replace by the next attempt holds back nothing.
fn is_claim_open_for_nothing(look: &Look<'_>) -> bool {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    is_claim_open(claim, own)
        && accepted_and_open(look.run).is_none()
        && look.run.intent.target.may_be_retried()
        && !look.proves_nothing(own)
}
