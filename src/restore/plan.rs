//! Decides what a run does next. Pure: the whole of the exactly-once protocol that is a decision stands in this file and
//! in [`super::progress`]; the order of effects stands in [`super::pass`].
//!
//! Words: a claim *stands* while its annotation is on the object. It is *decided* once the record, under that very claim
//! id, says what came of it; until then it is *open*, and only a look at the vault's jobs may say more.

use jiff::SignedDuration;

use super::facts::{JobStatus, JobSummary, Listing, Now, SeenJob};
use super::ids::{JobId, MAX_ATTEMPTS, OperationId};
use super::pace::{self, Limits};
use super::record::{
    Attempt, AttemptState, Claim, End, Failure, Mark, Matching, Memory, Resolve, Run,
};
use super::retry;

/// What a pass does with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The claim cannot be read: put `0/<fresh id>` in its place, under which nothing is ever sent.
    PlacePlaceholder,
    /// The claim lost its finalizer: put it back.
    RestoreFinalizer(Claim),
    /// Something that needs the vault.
    Azure(Act),
    /// Write down how it ended.
    End(End, String),
    /// Remove claim and finalizer.
    LetGo,
    /// Nothing before this much time has passed.
    Wait(SignedDuration),
    /// The status cannot be understood: say so and touch nothing else.
    SayUnreadable,
    /// The vault of the status is not the vault of the object: say so.
    SayVaultChanged,
    /// Nothing, until somebody changes the object.
    Rest,
}

/// What needs the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Find the item and choose the recovery point.
    Select,
    /// List the vault's jobs, then ask [`after_look`].
    Look,
    /// Read the operation.
    ReadOperation(OperationId),
    /// Follow the job.
    Follow(JobId),
}

/// What a look leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This job is the run's: follow it.
    Adopt {
        /// Whose job it is.
        attempt: u8,
        /// The job.
        job: JobSummary,
        /// Whether another job carries the same request id.
        duplicate: bool,
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
    /// It cannot be known: a person decides.
    Block(String),
    /// It ends.
    End(End, String),
    /// The object is being deleted and nothing holds it back.
    LetGo,
}

/// The next step of a run, from what its object says and what this process remembers.
pub fn next(run: &Run, memory: &Memory, now: Now) -> Step {
    let claim = match run.mark {
        Mark::Unreadable => return Step::PlacePlaceholder,
        Mark::WithoutFinalizer(claim) => return Step::RestoreFinalizer(claim),
        Mark::Standing(claim) => Some(claim),
        Mark::None => None,
    };
    let own = claim.and_then(|claim| run.record.of_claim(claim));

    if let Some(step) = abandoned(run, claim, own) {
        return step;
    }
    if run.record.unreadable.is_some() {
        return Step::SayUnreadable;
    }
    let ended = run.record.end.is_some() && (claim.is_none() || own.is_some());
    if ended {
        return match claim {
            None => Step::Rest,
            Some(_) if lets_go_without_look(run, own) => Step::LetGo,
            Some(_) => wait_or(memory, now, let_go_look(run)),
        };
    }
    if run.deleting && claim.is_none() {
        return Step::Rest;
    }
    if let Some(vault) = &run.record.vault
        && *vault != run.intent.vault
    {
        return Step::SayVaultChanged;
    }
    if run.deleting && lets_go_without_look(run, own) {
        return Step::LetGo;
    }
    if claim.is_none()
        && run
            .record
            .attempts
            .iter()
            .any(|attempt| is_open(attempt.state))
    {
        // Somebody removed a claim whose outcome is open: nothing may be sent before a whole window is over.
        return Step::PlacePlaceholder;
    }
    if !is_claim_open(claim, own)
        && let Some(step) = timed_out(run, now)
    {
        return step;
    }
    let step = forward(run, own, claim);
    if resolution(run).is_some_and(|word| memory.heeded.as_ref() != Some(word)) {
        return step;
    }
    wait_or(memory, now, step)
}

/// The step that brings a run forward, if nothing else comes first.
fn forward(run: &Run, own: Option<&Attempt>, claim: Option<Claim>) -> Step {
    if let Some(attempt) = own
        && attempt.state == AttemptState::Accepted
        && let Some(operation) = &attempt.operation
    {
        return Step::Azure(Act::ReadOperation(operation.clone()));
    }
    if !is_claim_open(claim, own)
        && let Some(job) = followed(run)
    {
        return Step::Azure(Act::Follow(job));
    }
    if claim.is_none() && run.record.attempts.is_empty() && run.record.point.is_none() {
        return Step::Azure(Act::Select);
    }
    Step::Azure(Act::Look)
}

/// What a complete listing, begun after the read of `run`, decides (design 3, steps 2 and "Unknown").
pub fn after_look(look: &Look<'_>) -> Decision {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    let open = is_claim_open(claim, own);
    let number = claim.map_or(0, |claim| claim.attempt);
    let wait = look.until_window_is_over();
    let placeholder = claim.is_some_and(|claim| claim.attempt == 0);

    let found = look.found();
    let alive = found
        .iter()
        .rev()
        .find(|found| found.job().status != JobStatus::Failed);
    if let Some(alive) = alive {
        let too_early = open && (alive.attempt < number || placeholder);
        return match wait {
            Some(wait) if too_early => Decision::Wait(wait),
            _ => alive.adopt(),
        };
    }
    if let Some(failed) = found.last() {
        let decides = !open || failed.attempt >= number;
        if decides && placeholder && open {
            if let Some(wait) = wait {
                return Decision::Wait(wait);
            }
            if look.matching == Matching::Broken {
                return Decision::Block(look.broken_message());
            }
        }
        if decides {
            return after_failed_job(look, failed, own);
        }
    }
    if !open {
        return match own {
            Some(own) if own.state == AttemptState::NotStarted => would_claim(look, own.number),
            Some(own) if own.state == AttemptState::OperationFailed => {
                after_failed_operation(look, own)
            }
            _ => after_nothing_found(look),
        };
    }
    open_and_nothing_found(look, own, wait)
}

/// A look: the object as it was read, then the listing.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The object, read from the API server before the listing was begun.
    pub run: &'a Run,
    /// A complete listing, begun after that read.
    pub listing: &'a Listing,
    /// What the vault's object says about activity ids, read with this look.
    pub matching: Matching,
    /// What this process remembers.
    pub memory: &'a Memory,
    /// Now.
    pub now: Now,
    /// The limits.
    pub limits: &'a Limits,
    /// Whether the job that a person names in `adopt` may be taken: of this item, and no other run's.
    pub told_job_is_free: bool,
}

/// The oldest job of one attempt.
struct Found<'a> {
    attempt: u8,
    seen: &'a SeenJob,
    duplicate: bool,
}

impl Found<'_> {
    fn job(&self) -> &JobSummary {
        &self.seen.job
    }

    fn adopt(&self) -> Decision {
        Decision::Adopt {
            attempt: self.attempt,
            job: self.job().clone(),
            duplicate: self.duplicate,
        }
    }
}

impl Look<'_> {
    fn claim(&self) -> Option<Claim> {
        match self.run.mark {
            Mark::Standing(claim) => Some(claim),
            Mark::None | Mark::Unreadable | Mark::WithoutFinalizer(_) => None,
        }
    }

    /// The jobs of this run, by attempt, the oldest of each.
    fn found(&self) -> Vec<Found<'_>> {
        self.run
            .key
            .request_ids()
            .filter_map(|(attempt, id)| {
                let jobs = self.listing.of_request(id);
                jobs.first().map(|seen| Found {
                    attempt,
                    seen,
                    duplicate: jobs.len() > 1,
                })
            })
            .collect()
    }

    /// How long until a listing could be begun after the window of the standing claim; nothing once this one was.
    fn until_window_is_over(&self) -> Option<SignedDuration> {
        let claim = self.claim()?;
        let seen = self
            .memory
            .claims
            .get(&claim.id)
            .copied()
            .unwrap_or(self.now.boot);
        let over = seen + self.limits.adoption_window;
        (self.listing.begun.boot < over).then(|| (over - self.now.boot).max(SignedDuration::ZERO))
    }

    fn next_number(&self) -> u8 {
        let listed = self.found().last().map_or(0, |found| found.attempt);
        let recorded = self
            .run
            .record
            .attempts
            .iter()
            .map(|attempt| attempt.number)
            .max();
        let claimed = self.claim().map_or(0, |claim| claim.attempt);
        1 + listed.max(recorded.unwrap_or(0)).max(claimed)
    }

    fn broken_message(&self) -> String {
        format!(
            "whether the trigger started a restore cannot be known: jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken); {}",
            resolve_help(self.run)
        )
    }
}

/// No job was found for an open claim.
fn open_and_nothing_found(
    look: &Look<'_>,
    own: Option<&Attempt>,
    wait: Option<SignedDuration>,
) -> Decision {
    if own.is_some_and(|own| own.state == AttemptState::Conflict) {
        return Decision::NotStarted;
    }
    if let Some(wait) = wait {
        return Decision::Wait(wait);
    }
    let next = look.next_number();
    if own.is_some_and(|own| own.state == AttemptState::Blocked) {
        match resolution(look.run) {
            Some(Resolve::Retry(_))
                if next <= MAX_ATTEMPTS && !start_by_passed(look.run, look.now) =>
            {
                return would_claim(look, next);
            }
            Some(Resolve::Adopt(_, job)) if look.told_job_is_free => {
                if let Some(seen) = look.listing.job(job) {
                    return Decision::AdoptAsTold(seen.job.clone());
                }
            }
            _ => {}
        }
    }
    if look.matching == Matching::Broken {
        return Decision::Block(look.broken_message());
    }
    if let Some(accepted) = accepted_and_open(look.run) {
        return Decision::Block(format!(
            "Azure accepted attempt {} but shows no job for it; {}",
            accepted.number,
            resolve_help(look.run)
        ));
    }
    if !look.run.intent.target.may_be_retried() {
        return Decision::Block(format!(
            "whether the trigger started a restore cannot be known and a second one could destroy; {}",
            resolve_help(look.run)
        ));
    }
    if look.run.deleting {
        return Decision::LetGo;
    }
    if next > retry::last_attempt(look.run.control.retry_limit) {
        return Decision::Block(format!(
            "no job of attempt {} was listed within the adoption window and spec.retryLimit ({}) allows no further one; {}",
            next - 1,
            look.run.control.retry_limit,
            resolve_help(look.run)
        ));
    }
    would_claim(look, next)
}

/// All jobs of this run that were found have failed, and the claim, if one stands, is decided by the newest of them.
fn after_failed_job(look: &Look<'_>, failed: &Found<'_>, own: Option<&Attempt>) -> Decision {
    let recorded = look
        .run
        .record
        .attempt(failed.attempt)
        .filter(|attempt| attempt.state == AttemptState::JobFailed)
        .filter(|attempt| attempt.job.as_ref() == Some(&failed.job().id));
    let Some(recorded) = recorded else {
        return failed.adopt();
    };
    if let Some(own) = own
        && own.number > failed.attempt
    {
        // The newest claim was decided otherwise: by an operation that failed, or by an answer that nothing started.
        return match own.state {
            AttemptState::NotStarted => would_claim(look, own.number),
            AttemptState::OperationFailed => after_failed_operation(look, own),
            _ => after_nothing_found(look),
        };
    }
    let error = recorded
        .error
        .as_ref()
        .map_or("", |error| error.code.as_str());
    let next = look.next_number();
    let allowed = next <= retry::last_attempt(look.run.control.retry_limit);
    if !retry::is_transient(error) || !allowed || !look.run.intent.target.may_be_retried() {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            recorded
                .error
                .as_ref()
                .map_or_else(String::new, |error| error.message.clone()),
        );
    }
    let not_yet = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    match not_yet {
        Some(wait) => Decision::Wait(wait),
        None => would_claim(look, next),
    }
}

/// The operation of the standing claim failed and no job of it is listed.
fn after_failed_operation(look: &Look<'_>, own: &Attempt) -> Decision {
    let code = own.error.as_ref().map_or("", |error| error.code.as_str());
    let next = look.next_number();
    if retry::is_transient(code) && next <= retry::last_attempt(look.run.control.retry_limit) {
        return would_claim(look, next);
    }
    Decision::End(
        End::Failed(Failure::OperationFailed),
        own.error
            .as_ref()
            .map_or_else(String::new, |error| error.message.clone()),
    )
}

/// Nothing is open and no job of this run is listed (any more).
fn after_nothing_found(look: &Look<'_>) -> Decision {
    let next = look.next_number();
    if next > retry::last_attempt(look.run.control.retry_limit) {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "attempt {} did not succeed and spec.retryLimit ({}) allows no further one",
                next - 1,
                look.run.control.retry_limit
            ),
        );
    }
    would_claim(look, next)
}

/// The checks that stand between a run that could claim and the claim.
fn would_claim(look: &Look<'_>, number: u8) -> Decision {
    let run = look.run;
    if matches!(run.resolve, Some(Resolve::Abandon(_))) {
        return Decision::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run with the annotation vmrestore.azurebackup.dev/resolve; create a new VmRestore, or one with another runId, to restore".to_owned(),
        );
    }
    if run.deleting {
        return Decision::LetGo;
    }
    if let Some(start_by) = run.control.start_by
        && look.now.wall >= start_by
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
    if look.found().iter().any(|found| found.duplicate) {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            "two jobs in Azure carry one request id of this run, so it triggers no further one; look at both in the vault's jobs".to_owned(),
        );
    }
    if run.record.point.is_none() || run.record.item.is_none() || run.record.region.is_none() {
        return Decision::SelectFirst;
    }
    Decision::Claim(number)
}

/// Whether claim and finalizer may be removed now (design 3, step 6), given a complete listing.
pub fn may_let_go(look: &Look<'_>) -> bool {
    let Some(claim) = look.claim() else {
        return false;
    };
    let run = look.run;
    let Some(own) = run.record.of_claim(claim) else {
        return false;
    };
    let over = run.record.end.is_some() || run.deleting;
    if lets_go_without_look(run, Some(own)) && over {
        return true;
    }
    // (a): the job is known, and a listing begun a while after it was first seen still shows it with our id.
    let decided_by_job = matches!(
        own.state,
        AttemptState::Running | AttemptState::Ended | AttemptState::JobFailed
    );
    if decided_by_job {
        return look.found().iter().any(|found| {
            found.attempt >= claim.attempt
                && own.job.as_ref() == Some(&found.job().id)
                && until_visible_for_good(look, found).is_none()
        });
    }
    // (c): the type may be retried, no 2xx was recorded, and no job was found.
    own.state == AttemptState::NotFound
        && over
        && !own.accepted
        && run.intent.target.may_be_retried()
        && look.matching != Matching::Broken
}

/// Whether the run has ended and its claim, recorded under its own id, only waits to be let go.
pub fn only_waits_to_let_go(run: &Run) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    run.record.end.is_some() && run.record.of_claim(claim).is_some()
}

/// How long until another look may let go of the claim of a run that has ended; nothing when this one does.
pub fn until_let_go(look: &Look<'_>) -> Option<SignedDuration> {
    if may_let_go(look) {
        return None;
    }
    let visible = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    Some(
        visible
            .unwrap_or(pace::VISIBILITY_BOUND)
            .max(SignedDuration::from_secs(1)),
    )
}

/// How long until a listing can prove that this job stays visible; nothing once this one does.
fn until_visible_for_good(look: &Look<'_>, found: &Found<'_>) -> Option<SignedDuration> {
    let first = look
        .memory
        .jobs
        .get(&found.job().id)
        .copied()
        .unwrap_or(look.now.boot);
    let due = first + pace::VISIBILITY_BOUND;
    (found.seen.shown_by_listing_begun.boot < due)
        .then(|| (due - look.now.boot).max(SignedDuration::ZERO))
}

/// Whether a claim may be let go when its vault cannot be reached any more (design 3, step 6 (e)): the object is being
/// deleted, a whole window has passed, and either the job is known or a second one would do no harm.
pub fn may_let_go_without_vault(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    let own = run.record.of_claim(claim);
    let job_is_known = own.is_some_and(|own| own.job.is_some());
    let harmless = run.intent.target.may_be_retried() && accepted_and_open(run).is_none();
    run.deleting && is_window_over(claim, memory, now, limits) && (job_is_known || harmless)
}

/// Whether an open claim must be called blocked although no complete look was possible: for a whole window there was none,
/// and a 2xx was recorded or a second restore could destroy.
pub fn must_block_without_look(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    let own = run.record.of_claim(claim);
    let since = memory
        .last_look
        .into_iter()
        .chain(memory.claims.get(&claim.id).copied())
        .max();
    let for_a_window = since.is_some_and(|since| now.boot >= since + limits.adoption_window);
    let grave = accepted_and_open(run).is_some() || !run.intent.target.may_be_retried();
    is_claim_open(Some(claim), own)
        && own.and_then(|own| own.job.as_ref()).is_none()
        && for_a_window
        && grave
}

/// Whether the window of a claim is over on this process's clock.
fn is_window_over(claim: Claim, memory: &Memory, now: Now, limits: &Limits) -> bool {
    memory
        .claims
        .get(&claim.id)
        .is_some_and(|seen| now.boot >= *seen + limits.adoption_window)
}

/// The attempt whose job is followed: the highest whose job runs.
fn followed(run: &Run) -> Option<JobId> {
    run.record
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Running | AttemptState::Adopted))
        .max_by_key(|attempt| attempt.number)
        .and_then(|attempt| attempt.job.clone())
}

/// A person's `abandon`, as far as it ends a run that is blocked on that claim or lets go of one that cannot be read.
fn abandoned(run: &Run, claim: Option<Claim>, own: Option<&Attempt>) -> Option<Step> {
    let (Some(claim), Some(Resolve::Abandon(id))) = (claim, &run.resolve) else {
        return None;
    };
    if *id != claim.id {
        return None;
    }
    if run.record.unreadable.is_some() {
        return run.deleting.then_some(Step::LetGo);
    }
    match own?.state {
        AttemptState::Blocked => Some(Step::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run; whether Azure restored something must be seen in the vault's jobs".to_owned(),
        )),
        // What a person adopted, and an accepted attempt whose job never showed, hold their claim until they are abandoned.
        AttemptState::Adopted | AttemptState::NotFound if run.deleting => Some(Step::LetGo),
        _ => None,
    }
}

/// Whether the claim may go without another look: (b) nothing started, or (d) a person abandoned it.
fn lets_go_without_look(run: &Run, own: Option<&Attempt>) -> bool {
    let Some(own) = own else { return false };
    let abandoned_by_end =
        matches!(run.record.end, Some(End::Failed(Failure::Abandoned))) && !is_open(own.state);
    matches!(
        own.state,
        AttemptState::NotStarted | AttemptState::OperationFailed | AttemptState::Abandoned
    ) || abandoned_by_end
}

fn let_go_look(run: &Run) -> Step {
    let adopted = run
        .record
        .attempts
        .iter()
        .any(|attempt| attempt.state == AttemptState::Adopted);
    if adopted && !run.deleting {
        return Step::Rest;
    }
    Step::Azure(Act::Look)
}

/// Whether what came of this attempt is open, so that only a look may decide.
pub fn is_open(state: AttemptState) -> bool {
    match state {
        AttemptState::Claimed
        | AttemptState::Conflict
        | AttemptState::Unknown
        | AttemptState::JobSought
        | AttemptState::Blocked => true,
        AttemptState::NotStarted
        | AttemptState::Accepted
        | AttemptState::OperationFailed
        | AttemptState::Running
        | AttemptState::Adopted
        | AttemptState::Ended
        | AttemptState::JobFailed
        | AttemptState::NotFound
        | AttemptState::Abandoned => false,
    }
}

fn is_claim_open(claim: Option<Claim>, own: Option<&Attempt>) -> bool {
    claim.is_some()
        && own.is_none_or(|own| is_open(own.state) || own.state == AttemptState::Accepted)
}

/// An attempt that Azure accepted and whose job is not known.
fn accepted_and_open(run: &Run) -> Option<&Attempt> {
    run.record.attempts.iter().find(|attempt| {
        attempt.accepted && (is_open(attempt.state) || attempt.state == AttemptState::Accepted)
    })
}

/// What a person decided, if the run is blocked on the claim that the annotation names.
pub fn resolution(run: &Run) -> Option<&Resolve> {
    let Mark::Standing(claim) = run.mark else {
        return None;
    };
    let own = run.record.of_claim(claim)?;
    let resolve = run.resolve.as_ref()?;
    let (Resolve::Retry(id) | Resolve::Adopt(id, _) | Resolve::Abandon(id)) = resolve;
    (own.state == AttemptState::Blocked && *id == claim.id).then_some(resolve)
}

fn start_by_passed(run: &Run, now: Now) -> bool {
    run.control
        .start_by
        .is_some_and(|start_by| now.wall >= start_by)
}

fn timed_out(run: &Run, now: Now) -> Option<Step> {
    let over = run
        .record
        .start_time?
        .checked_add(run.control.run_timeout)
        .ok()?;
    let job = followed(run);
    (now.wall >= over).then(|| {
        let rest = match job {
            Some(job) => format!("; job {job} goes on in Azure and is no longer followed"),
            None => String::new(),
        };
        Step::End(
            End::Failed(Failure::RunTimedOut),
            format!("spec.timeouts.run passed at {over}{rest}"),
        )
    })
}

fn wait_or(memory: &Memory, now: Now, step: Step) -> Step {
    match memory.not_before {
        Some(not_before) if not_before > now.boot => Step::Wait(not_before - now.boot),
        _ => step,
    }
}

/// The exact annotation values by which a person resolves a blocked run.
pub fn resolve_help(run: &Run) -> String {
    let Mark::Standing(claim) = run.mark else {
        return String::new();
    };
    let id = claim.id;
    format!(
        "look at the vault's restore jobs of this vm, then set the annotation vmrestore.azurebackup.dev/resolve to retry:{id} (no restore runs: try again), adopt:{id}/<job id> (that job is it) or abandon:{id} (end this run)"
    )
}
