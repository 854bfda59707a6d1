//! Folds what happened into the record: `(record, event) -> record`. Pure, like [`super::plan`].

use jiff::{SignedDuration, Timestamp};

use super::facts::{
    ErrorText, JobDetail, JobStatus, JobSummary, Now, Operation, OperationStatus, ProtectedItem,
    RefusalKind, Then, TriggerOutcome, VaultError,
};
use super::ids::{ClaimId, JobId, RunKey};
use super::pace;
use super::plan::is_open;
use super::record::{
    Attempt, AttemptState, ChosenPoint, Claim, End, Failure, ItemNames, Memory, Note, NoteKind,
    Phase, Record,
};
use super::retry;

impl Memory {
    /// Notes that this process sees a claim; only the first sight of each claim id counts.
    pub fn see_claim(&mut self, claim: ClaimId, now: Now) {
        self.claims.entry(claim).or_insert(now.boot);
    }

    /// Notes that this process sees a job; only the first sight counts.
    pub fn see_job(&mut self, job: &JobId, now: Now) {
        self.jobs.entry(job.clone()).or_insert(now.boot);
    }

    /// Nothing is tried before this much time has passed.
    pub fn wait(&mut self, now: Now, duration: SignedDuration) {
        self.not_before = Some(now.boot + duration);
    }

    /// Something went forward: waits start small again.
    pub fn went_forward(&mut self) {
        self.not_before = None;
        self.tries = 0;
    }
}

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
    let was_blocked = record
        .of_claim(claim)
        .is_some_and(|own| matches!(own.state, AttemptState::Blocked | AttemptState::Abandoned));
    let over = record.end.is_some();
    let attempt = attempt_under(record, key, claim, claimed);
    match outcome {
        TriggerOutcome::Accepted { operation } => {
            attempt.accepted = true;
            attempt.operation = operation.clone();
            attempt.error = None;
            attempt.state = match operation {
                Some(_) => AttemptState::Accepted,
                None => AttemptState::JobSought,
            };
            record.operation = None;
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
        TriggerOutcome::NotStarted(_) | TriggerOutcome::Unknown { .. } if was_blocked || over => {
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
                    record.note = Note {
                        kind: kind_of(refusal.kind),
                        message: format!(
                            "no restore was started: {said}; trying again in {} s or later",
                            wait.as_secs().max(1)
                        ),
                    };
                    wait
                }
            }
        }
        TriggerOutcome::Unknown { what } => {
            attempt.state = AttemptState::Unknown;
            attempt.error = Some(ErrorText {
                code: String::new(),
                message: what.clone(),
            });
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

fn looking(record: &mut Record, claim: Claim, what: &str) {
    record.phase = Phase::Triggering;
    record.note = Note {
        kind: NoteKind::ConfirmingTrigger,
        message: format!(
            "whether attempt {} started a restore is not known yet ({what}); looking for its job until the adoption window has passed",
            claim.attempt
        ),
    };
}

/// A look found the run's job.
pub fn adopted(
    record: &mut Record,
    key: RunKey,
    claim: Option<Claim>,
    number: u8,
    job: &JobSummary,
    duplicate: bool,
) {
    if let Some(claim) = claim {
        if number < claim.attempt {
            settle_older(record, claim.attempt);
            if let Some(own) = own_mut(record, claim) {
                own.state = AttemptState::NotFound;
            }
        } else {
            settle_older(record, claim.attempt);
            let own = attempt_under(record, key, claim, job.started.unwrap_or_default());
            own.state = AttemptState::Running;
            own.job = Some(job.id.clone());
        }
    }
    if claim.is_none_or(|claim| claim.attempt != number) {
        let attempt = attempt_of(record, key, number);
        attempt.state = AttemptState::Running;
        attempt.job = Some(job.id.clone());
    }
    record.end = None;
    record.completion_time = None;
    record.trigger_time = record.trigger_time.or(job.started);
    let (kind, message) = if duplicate {
        (
            NoteKind::DuplicateJobs,
            format!(
                "two jobs carry the request id of attempt {number}; following the oldest, {}, and triggering no further one",
                job.id
            ),
        )
    } else {
        (
            NoteKind::JobRunning,
            format!("found job {} of attempt {number}", job.id),
        )
    };
    record.note = Note { kind, message };
    record.phase = phase_of(&job.status);
}

/// A person said which job it is.
pub fn adopted_as_told(record: &mut Record, key: RunKey, claim: Claim, job: &JobSummary, now: Now) {
    let own = attempt_under(record, key, claim, now.wall);
    own.state = AttemptState::Adopted;
    own.job = Some(job.id.clone());
    record.phase = phase_of(&job.status);
    record.trigger_time = record.trigger_time.or(job.started);
    record.note = Note {
        kind: NoteKind::JobRunning,
        message: format!(
            "following job {}, as the annotation vmrestore.azurebackup.dev/resolve says",
            job.id
        ),
    };
}

/// The operation was read; `None` when Azure knows it no more. Returns when to come back.
pub fn operation_read(
    record: &mut Record,
    claim: Claim,
    operation: Option<&Operation>,
    reads: u32,
    now: Now,
) -> SignedDuration {
    if let Some(operation) = operation {
        record.operation = Some(operation.clone());
    }
    let Some(own) = own_mut(record, claim) else {
        return SignedDuration::ZERO;
    };
    let Some(operation) = operation else {
        own.state = AttemptState::JobSought;
        record.note = Note {
            kind: NoteKind::ConfirmingTrigger,
            message: "Azure no longer knows the operation; looking for its job".to_owned(),
        };
        return SignedDuration::ZERO;
    };
    match (&operation.status, &operation.job) {
        (OperationStatus::Failed | OperationStatus::Canceled, None) => {
            let error = operation.error.clone().unwrap_or(ErrorText {
                code: String::new(),
                message: format!("the operation ended as {}", operation.status.as_str()),
            });
            let said = describe(&error);
            let (number, transient) = (own.number, retry::is_transient(&error.code));
            own.state = AttemptState::OperationFailed;
            own.error = Some(error);
            record.phase = Phase::Pending;
            let message = format!(
                "operation {} of attempt {number} failed without a job: {said}",
                operation.id
            );
            if transient {
                record.note = Note {
                    kind: NoteKind::WaitingForRetry,
                    message,
                };
                return pace::before_new_attempt(number);
            }
            ended(record, End::Failed(Failure::OperationFailed), message, now);
            SignedDuration::ZERO
        }
        (_, Some(job)) => {
            own.state = AttemptState::Running;
            own.job = Some(job.clone());
            record.phase = Phase::Running;
            record.note = Note {
                kind: NoteKind::JobRunning,
                message: format!("job {job} runs"),
            };
            SignedDuration::ZERO
        }
        (OperationStatus::Succeeded, None) => {
            own.state = AttemptState::JobSought;
            record.note = Note {
                kind: NoteKind::ConfirmingTrigger,
                message: format!(
                    "operation {} succeeded without naming a job; looking for it",
                    operation.id
                ),
            };
            SignedDuration::ZERO
        }
        (OperationStatus::InProgress | OperationStatus::Other(_), None) => {
            pace::before_operation_read(reads)
        }
    }
}

/// The followed job was read. Progress never goes backwards.
pub fn job_read(record: &mut Record, mut job: JobDetail, now: Now) {
    if let Some(old) = record
        .job
        .as_ref()
        .filter(|old| old.summary.id == job.summary.id)
    {
        job.progress_percent = job.progress_percent.max(old.progress_percent);
    }
    let (id, status) = (job.summary.id.clone(), job.summary.status.clone());
    let first_error = job.errors.first().map(|error| ErrorText {
        code: error.title.clone(),
        message: format!("{} {}", error.message, error.recommendations.join(" "))
            .trim()
            .to_owned(),
    });
    let duplicate = record.note.kind == NoteKind::DuplicateJobs;
    let said = first_error.as_ref().map(describe).unwrap_or_default();
    let progress = job
        .progress_percent
        .map_or_else(String::new, |percent| format!(", {percent} % done"));
    record.job = Some(job);
    let state = match status {
        JobStatus::Failed => AttemptState::JobFailed,
        JobStatus::Completed | JobStatus::CompletedWithWarnings | JobStatus::Cancelled => {
            AttemptState::Ended
        }
        JobStatus::InProgress | JobStatus::Cancelling | JobStatus::Other(_) => {
            record.phase = phase_of(&status);
            if !duplicate {
                record.note = Note {
                    kind: NoteKind::JobRunning,
                    message: format!("job {id} is {}{progress}", status.as_str()),
                };
            }
            return;
        }
    };
    let mut transient = false;
    let mut number = 0;
    for attempt in record
        .attempts
        .iter_mut()
        .filter(|attempt| attempt.job.as_ref() == Some(&id))
    {
        if attempt.state != AttemptState::Adopted {
            attempt.state = state;
            transient = true;
        }
        number = number.max(attempt.number);
        attempt.error.clone_from(&first_error);
    }
    match status {
        JobStatus::Completed => ended(record, End::Succeeded, format!("job {id} completed"), now),
        JobStatus::CompletedWithWarnings => ended(
            record,
            End::PartiallySucceeded,
            format!("job {id} completed with warnings, so not everything was restored: {said}"),
            now,
        ),
        JobStatus::Cancelled => ended(
            record,
            End::Cancelled,
            format!("job {id} was cancelled"),
            now,
        ),
        JobStatus::Failed | JobStatus::InProgress | JobStatus::Cancelling | JobStatus::Other(_) => {
            let code = first_error.as_ref().map_or("", |error| error.code.as_str());
            let message = format!("job {id} failed: {said}");
            if transient && retry::is_transient(code) && !duplicate {
                record.phase = Phase::Pending;
                record.note = Note {
                    kind: NoteKind::WaitingForRetry,
                    message: format!(
                        "attempt {number}: {message}; a new attempt follows if spec.retryLimit allows"
                    ),
                };
            } else {
                ended(record, End::Failed(Failure::JobFailed), message, now);
            }
        }
    }
}

/// The outcome of the standing claim cannot be known.
pub fn blocked(record: &mut Record, key: RunKey, claim: Option<Claim>, message: String, now: Now) {
    if let Some(claim) = claim {
        attempt_under(record, key, claim, now.wall).state = AttemptState::Blocked;
    }
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
        if is_open(own.state) || own.state == AttemptState::Accepted {
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
    note_trouble(record, kind_of(error.kind), format!("{what}: {error}"));
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

/// Everything older than a new claim is settled: it was not found, or a person gave it up although Azure had accepted it.
fn settle_older(record: &mut Record, number: u8) {
    for attempt in &mut record.attempts {
        if attempt.number < number
            && (is_open(attempt.state) || attempt.state == AttemptState::Accepted)
        {
            attempt.state = if attempt.accepted {
                AttemptState::Abandoned
            } else {
                AttemptState::NotFound
            };
        }
    }
}

fn own_mut(record: &mut Record, claim: Claim) -> Option<&mut Attempt> {
    record
        .attempts
        .iter_mut()
        .find(|attempt| attempt.number == claim.attempt && attempt.claim == Some(claim.id))
}

/// The entry of a claim; what was recorded under an older claim id of the same attempt no longer counts.
fn attempt_under(
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

fn attempt_of(record: &mut Record, key: RunKey, number: u8) -> &mut Attempt {
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

fn phase_of(status: &JobStatus) -> Phase {
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

fn describe(error: &ErrorText) -> String {
    if error.code.is_empty() {
        error.message.clone()
    } else {
        format!("{}: {}", error.code, error.message)
    }
}

fn kind_of(kind: RefusalKind) -> NoteKind {
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

/// What of a new record is worth a write of status: state changes at once, progress in steps of 20 points, times never alone.
pub fn worth_writing(old: &Record, new: &Record) -> Record {
    let mut record = new.clone();
    if let (Some(was), Some(is)) = (&old.job, &mut record.job) {
        let far = is.progress_percent.unwrap_or(0)
            >= was.progress_percent.unwrap_or(0).saturating_add(20);
        if !far && same_state(was, is) {
            *is = was.clone();
            if record.note.kind == old.note.kind && record.phase == old.phase {
                record.note.clone_from(&old.note);
            }
        }
    }
    if let (Some(was), Some(is)) = (&old.operation, &mut record.operation)
        && was.id == is.id
        && was.status == is.status
    {
        *is = was.clone();
    }
    record
}

fn same_state(was: &JobDetail, is: &JobDetail) -> bool {
    let tasks = |job: &JobDetail| -> Vec<(String, String)> {
        job.tasks
            .iter()
            .map(|task| (task.name.clone(), task.status.clone()))
            .collect()
    };
    was.summary.id == is.summary.id
        && was.summary.status == is.summary.status
        && was.errors == is.errors
        && was.properties == is.properties
        && tasks(was) == tasks(is)
}
