//! The entries of the record's list of attempts, and the small words that folds share.

use jiff::Timestamp;

use super::facts::{ErrorText, JobStatus};
use super::ids::RunKey;
use super::questions::is_undecided;
use super::record::{Attempt, AttemptState, Claim, Phase, Record};

/// Everything older than a new claim is settled: it was not found, or a person gave it up although Azure had accepted it.
pub(super) fn settle_older(record: &mut Record, number: u8) {
    settle(record, |attempt| attempt < number);
}

/// Every other attempt is settled by a job of this one.
pub(super) fn settle_others(record: &mut Record, number: u8) {
    settle(record, |attempt| attempt != number);
}

fn settle(record: &mut Record, which: impl Fn(u8) -> bool) {
    for attempt in &mut record.attempts {
        if which(attempt.number) && is_undecided(attempt) {
            attempt.state = if attempt.accepted {
                AttemptState::Abandoned
            } else {
                AttemptState::NotFound
            };
        }
    }
}

pub(super) fn own_mut(record: &mut Record, claim: Claim) -> Option<&mut Attempt> {
    record
        .attempts
        .iter_mut()
        .find(|attempt| attempt.number == claim.attempt && attempt.claim == Some(claim.id))
}

/// The entry of a claim; what was recorded under an older claim id of the same attempt no longer counts.
pub(super) fn attempt_under(
    record: &mut Record,
    key: RunKey,
    claim: Claim,
    claimed: Timestamp,
) -> &mut Attempt {
    let attempt = attempt_of(record, key, claim.attempt);
    if attempt.claim != Some(claim.id) {
        attempt.claim = Some(claim.id);
        attempt.claimed = Some(claimed);
        attempt.state = AttemptState::Claimed;
    }
    attempt
}

pub(super) fn attempt_of(record: &mut Record, key: RunKey, number: u8) -> &mut Attempt {
    let place = record
        .attempts
        .partition_point(|attempt| attempt.number < number);
    let there = record
        .attempts
        .get(place)
        .is_some_and(|attempt| attempt.number == number);
    if !there {
        let request_id = (number > 0).then(|| key.request_id(number));
        record.attempts.insert(
            place,
            Attempt {
                number,
                request_id,
                claim: None,
                claimed: None,
                state: AttemptState::Claimed,
                accepted: false,
                operation: None,
                job: None,
                error: None,
            },
        );
    }
    &mut record.attempts[place]
}

pub(super) fn phase_of(status: &JobStatus) -> Phase {
    match status {
        JobStatus::Cancelling => Phase::Cancelling,
        JobStatus::InProgress
        | JobStatus::Completed
        | JobStatus::CompletedWithWarnings
        | JobStatus::Failed
        | JobStatus::Cancelled
        | JobStatus::Other(_) => Phase::Running,
    }
}

pub(super) fn describe(error: &ErrorText) -> String {
    if error.code.is_empty() {
        error.message.clone()
    } else {
        format!("{}: {}", error.code, error.message)
    }
}

/// What an attempt's error says, with its code: the message of a run that ends with it.
pub(super) fn told(error: Option<&ErrorText>) -> String {
    error.map_or_else(String::new, describe)
}
