//! Folds what happened into the record: `(record, event) -> record`. Pure, like [`super::plan`].

use jiff::{SignedDuration, Timestamp};

pub use super::adoption::{adopted, adopted_as_told};
use super::entries::*;
use super::facts::{
    ErrorText, Now, Operation, ProtectedItem, RefusalKind, Then, TriggerOutcome, VaultError,
};
use super::ids::RunKey;
use super::pace;
use super::questions::is_undecided;
use super::record::{
    AttemptState, ChosenPoint, Claim, End, Failure, ItemNames, Note, NoteKind, Phase, Record,
};

/// Item and point were found.
pub fn selected(record: &mut Record, item: &ProtectedItem, point: ChosenPoint, region: &str) {
    record.item = Some(ItemNames {
        container: item.container.clone(),
        name: item.name.clone(),
    });
    record.region = Some(region.to_owned());
    record.note = Note {
        kind: NoteKind::LookingForJob,
        message: format!(
            "recovery point {} was chosen ({}); making sure that no job of this run exists before a restore is triggered",
            point.point.name, point.reason
        ),
    };
    record.point = Some(point);
    record.phase = Phase::Pending;
}

/// A trigger was sent, or was about to be, under this claim.
pub fn triggered(
    record: &mut Record,
    key: RunKey,
    claim: Claim,
    claimed: Timestamp,
    outcome: &TriggerOutcome,
    now: Now,
) -> SignedDuration {
    settle_older(record, claim.attempt);
    let before = record.of_claim(claim).map(|own| own.state);
    // What is recorded of an older claim does not end this one.
    let over = record.end.is_some() && before.is_some();
    if !over {
        record.end = None;
        record.completion_time = None;
    }
    // A look of another process may have decided in the meantime; only a claim of which nothing more is known takes a no.
    let undecided = matches!(
        before,
        None | Some(
            AttemptState::Claimed
                | AttemptState::Unknown
                | AttemptState::Conflict
                | AttemptState::NotStarted
        )
    );
    let attempt = attempt_under(record, key, claim, claimed);
    match outcome {
        TriggerOutcome::Accepted { operation } if attempt.accepted || attempt.job.is_some() => {
            attempt.accepted = true;
            attempt.operation = attempt.operation.take().or_else(|| operation.clone());
            SignedDuration::ZERO
        }
        TriggerOutcome::Accepted { operation } => {
            attempt.accepted = true;
            attempt.operation = operation.clone();
            attempt.error = None;
            attempt.state = match operation {
                Some(_) => AttemptState::Accepted,
                None => AttemptState::JobSought,
            };
            record.operation = operation.clone().map(Operation::unread);
            record.trigger_time = Some(now.wall);
            if !over {
                record.phase = Phase::Accepted;
                record.note = Note {
                    kind: NoteKind::WaitingForOperation,
                    message: match operation {
                        Some(id) => format!("Azure accepted the restore as operation {id}"),
                        None => {
                            "Azure accepted the restore but named no operation; looking for its job"
                                .to_owned()
                        }
                    },
                };
            }
            pace::before_operation_read(0)
        }
        // A run that is blocked stays blocked: this answer may belong to a send that another one overtook.
        TriggerOutcome::NotStarted(_) | TriggerOutcome::Unknown { .. } if !undecided || over => {
            SignedDuration::ZERO
        }
        TriggerOutcome::NotStarted(refusal) => {
            attempt.error = Some(refusal.error.clone());
            attempt.state = match refusal.then {
                Then::LookThenRetryAfter(_) => AttemptState::Conflict,
                Then::GiveUp | Then::RetryAfter(_) => AttemptState::NotStarted,
            };
            record.phase = Phase::Pending;
            let said = describe(&refusal.error);
            match refusal.then {
                Then::GiveUp => {
                    let message = format!("Azure refused the restore: {said}");
                    ended(record, End::Failed(Failure::RestoreRefused), message, now);
                    SignedDuration::ZERO
                }
                Then::RetryAfter(wait) | Then::LookThenRetryAfter(wait) => {
                    let kind = kind_of(refusal.kind);
                    let message = format!(
                        "no restore was started: {said}{}; trying again in {} s or later",
                        kind.remedy(),
                        wait.as_secs().max(1)
                    );
                    note_trouble(record, kind, message);
                    wait
                }
            }
        }
        TriggerOutcome::Unknown { what } => {
            attempt.state = AttemptState::Unknown;
            let unprovable = attempt.was_open_while_broken();
            attempt.error = Some(ErrorText {
                code: String::new(),
                message: what.clone(),
            });
            if unprovable {
                // What another process learnt of it while this answer was awaited counts on.
                attempt.note_open_while_broken();
            }
            looking(record, claim, what);
            SignedDuration::ZERO
        }
    }
}

/// A claim stands whose outcome is not recorded: its send may be under way elsewhere, or was cut short.
pub fn found_open_claim(record: &mut Record, key: RunKey, claim: Claim, now: Now) {
    if record.of_claim(claim).is_none() {
        settle_older(record, claim.attempt);
        attempt_under(record, key, claim, now.wall).state = AttemptState::Claimed;
        record.end = None;
        record.completion_time = None;
        looking(record, claim, "nothing is recorded about its trigger");
    }
}

pub(super) fn looking(record: &mut Record, claim: Claim, what: &str) {
    record.phase = Phase::Triggering;
    record.note = Note {
        kind: NoteKind::ConfirmingTrigger,
        message: format!(
            "whether attempt {} started a restore is not known yet ({what}); looking for its job until the adoption window has passed",
            claim.attempt
        ),
    };
}

/// The outcome of the standing claim cannot be known.
pub fn blocked(record: &mut Record, key: RunKey, claim: Option<Claim>, message: String, now: Now) {
    if let Some(claim) = claim {
        attempt_under(record, key, claim, now.wall).state = AttemptState::Blocked;
    }
    record.end = None;
    record.completion_time = None;
    record.phase = Phase::Blocked;
    record.note = Note {
        kind: NoteKind::TriggerOutcomeUnknown,
        message,
    };
}

/// A look confirmed that a 409 started nothing.
pub fn not_started(record: &mut Record, claim: Claim) {
    if let Some(own) = own_mut(record, claim) {
        own.state = AttemptState::NotStarted;
    }
}

/// The run ended.
pub fn ended(record: &mut Record, end: End, message: String, now: Now) {
    record.phase = match &end {
        End::Succeeded => Phase::Succeeded,
        End::PartiallySucceeded => Phase::PartiallySucceeded,
        End::Cancelled => Phase::Cancelled,
        End::Failed(_) => Phase::Failed,
    };
    record.end = Some(end);
    record.completion_time = Some(now.wall);
    record.note = Note {
        kind: NoteKind::Ended,
        message,
    };
}

/// The run ended by a decision while its claim was still open: nothing of it was found, or a person gave it up.
pub fn ended_undecided(
    record: &mut Record,
    key: RunKey,
    claim: Option<Claim>,
    end: End,
    message: String,
    now: Now,
) {
    if let Some(claim) = claim {
        let abandoned = end == End::Failed(Failure::Abandoned);
        let own = attempt_under(record, key, claim, now.wall);
        if is_undecided(own) {
            own.state = if abandoned {
                AttemptState::Abandoned
            } else {
                AttemptState::NotFound
            };
        }
    }
    ended(record, end, message, now);
}

/// Something in Azure did not work before or beside the run's own trigger. Says so without losing the phase of a run whose
/// job is known. Returns when to come back.
pub fn trouble(record: &mut Record, error: &VaultError, what: &str) -> SignedDuration {
    let kind = kind_of(error.kind);
    note_trouble(record, kind, format!("{what}: {error}{}", kind.remedy()));
    error.retry_after
}

/// As [`trouble`], for problems that have no answer of Azure.
pub fn note_trouble(record: &mut Record, kind: NoteKind, message: String) {
    if record.end.is_some() {
        return;
    }
    if kind.needs_a_person() && record.phase == Phase::Pending {
        record.phase = Phase::Blocked;
    }
    // What blocks a claim outranks a passing trouble: its message tells a person how to resolve it.
    if !record.is_blocked_on_a_claim() {
        record.note = Note { kind, message };
    }
}

/// A problem that stood in the way before the first claim is gone.
pub fn unblocked(record: &mut Record) {
    if record.phase == Phase::Blocked && !record.is_blocked_on_a_claim() {
        record.phase = Phase::Pending;
    }
}

/// A trigger could follow, but not now, for this reason.
pub fn holds(record: &mut Record, kind: NoteKind, message: String) {
    if !kind.needs_a_person() {
        unblocked(record);
    }
    note_trouble(record, kind, message);
}

/// The vault could be listed, and the run waits: a trouble of before is over.
pub fn waits(record: &mut Record, claim: Option<Claim>) {
    let passing = record.note.kind.needs_a_person()
        || matches!(
            record.note.kind,
            NoteKind::Throttled | NoteKind::AzureUnavailable
        );
    if record.end.is_some() || record.is_blocked_on_a_claim() || !passing {
        return;
    }
    unblocked(record);
    let open = claim.filter(|claim| record.of_claim(*claim).is_some_and(is_undecided));
    match open {
        Some(claim) => looking(record, claim, "the vault could not be read for a while"),
        None => {
            record.note = Note {
                kind: NoteKind::WaitingForRetry,
                message: "the vault can be read again; waiting before the next try".to_owned(),
            };
        }
    }
}

/// A deletion waits although no outcome is open, for this reason; for a person or for time.
pub fn deletion_waits(record: &mut Record, for_a_person: bool, message: String) {
    // What a blocked run says tells a person how to resolve it.
    if !for_a_person && record.is_blocked_on_a_claim() {
        return;
    }
    if record.end.is_none() {
        record.note.kind = if for_a_person {
            record.phase = Phase::Blocked;
            NoteKind::TriggerOutcomeUnknown
        } else {
            NoteKind::WaitingForRetry
        };
    }
    record.note.message = message;
}

/// As [`deletion_waits`] for a wait that a trouble or an operation makes longer: the reason tells of that.
pub fn deletion_waits_beside(record: &mut Record, message: &str) {
    if !record.is_blocked_on_a_claim() {
        message.clone_into(&mut record.note.message);
    }
}

pub(super) fn kind_of(kind: RefusalKind) -> NoteKind {
    match kind {
        RefusalKind::Authentication => NoteKind::AuthenticationFailed,
        RefusalKind::Permission => NoteKind::PermissionDenied,
        RefusalKind::VaultNotFound => NoteKind::AzureVaultNotFound,
        RefusalKind::Throttled => NoteKind::Throttled,
        RefusalKind::Busy => NoteKind::ItemBusy,
        RefusalKind::Unavailable | RefusalKind::Unreadable => NoteKind::AzureUnavailable,
        RefusalKind::NotFound | RefusalKind::BadRequest | RefusalKind::ApiVersion => {
            NoteKind::AzureRefused
        }
        RefusalKind::TooLate => NoteKind::WaitingForRetry,
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
