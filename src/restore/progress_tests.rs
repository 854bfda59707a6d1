use super::super::facts::{JobStatus as J, Refusal, RefusalKind as Kind};
use super::super::fixtures::*;
use super::super::ids::OperationId;
use super::super::record::{Attempt, AttemptState as S};
use super::*;

fn refused(kind: Kind, then: Then) -> TriggerOutcome {
    TriggerOutcome::NotStarted(Refusal {
        kind,
        error: ErrorText {
            code: "Code".to_owned(),
            message: "why".to_owned(),
        },
        then,
    })
}

fn minute() -> SignedDuration {
    mins(1)
}

fn accepted_answer() -> TriggerOutcome {
    TriggerOutcome::Accepted {
        operation: Some(OperationId::new("o")),
    }
}

fn lost() -> TriggerOutcome {
    TriggerOutcome::Unknown {
        what: "no answer".to_owned(),
    }
}

/// What an answer makes of a record that holds these attempts, under the claim of attempt 1.
fn answered(attempts: Vec<Attempt>, outcome: &TriggerOutcome) -> (Record, SignedDuration) {
    let mut record = claimed(attempts).record;
    let wait = triggered(&mut record, key(), claim(1), wall(0), outcome, at(5));
    (record, wait)
}

fn state(record: &Record) -> S {
    record.of_claim(claim(1)).unwrap().state
}

#[test]
fn what_was_selected_is_written_down() {
    let chosen = a_run().record;
    let point = chosen.point.clone().unwrap();
    let item = ProtectedItem {
        container: "c".to_owned(),
        name: "i".to_owned(),
        source: a_run().intent.vm,
        protection_state: String::new(),
        soft_deleted: false,
    };
    let mut record = Record {
        phase: Phase::Blocked,
        ..Record::default()
    };
    selected(&mut record, &item, point, "westus");
    assert_eq!(
        (&record.item, &record.region, &record.point),
        (&chosen.item, &chosen.region, &chosen.point)
    );
    assert_eq!(record.phase, Phase::Pending);
    assert_eq!(record.note.kind, NoteKind::LookingForJob);
}

#[test]
fn a_409_that_a_look_confirmed_started_nothing() {
    let mut record = claimed(vec![attempt(1, S::Conflict)]).record;
    not_started(&mut record, claim(1));
    assert_eq!(state(&record), S::NotStarted);
}

#[test]
fn trouble_comes_back_no_earlier_than_azure_said() {
    let mut record = Record::default();
    let error = VaultError {
        kind: Kind::Throttled,
        error: ErrorText {
            code: "429".to_owned(),
            message: "later".to_owned(),
        },
        retry_after: minute(),
    };
    assert_eq!(trouble(&mut record, &error, "listing jobs"), minute());
    assert_eq!(record.note.kind, NoteKind::Throttled);
}

#[test]
fn each_answer_to_a_trigger_has_its_state() {
    let nameless = TriggerOutcome::Accepted { operation: None };
    for (what, outcome, expected, phase, waits) in [
        ("2xx", accepted_answer(), S::Accepted, Phase::Accepted, 3),
        (
            "2xx without an operation",
            nameless,
            S::JobSought,
            Phase::Accepted,
            3,
        ),
        ("no answer", lost(), S::Unknown, Phase::Triggering, 0),
        (
            "429",
            refused(Kind::Throttled, Then::RetryAfter(minute())),
            S::NotStarted,
            Phase::Pending,
            60,
        ),
        (
            "409",
            refused(Kind::Busy, Then::LookThenRetryAfter(minute())),
            S::Conflict,
            Phase::Pending,
            60,
        ),
        (
            "400",
            refused(Kind::BadRequest, Then::GiveUp),
            S::NotStarted,
            Phase::Failed,
            0,
        ),
    ] {
        let (record, wait) = answered(vec![], &outcome);
        assert_eq!(state(&record), expected, "{what}");
        assert_eq!(record.phase, phase, "{what}");
        assert_eq!(wait, SignedDuration::from_secs(waits), "{what}");
    }
    let (record, _) = answered(vec![], &refused(Kind::BadRequest, Then::GiveUp));
    assert_eq!(record.end, Some(End::Failed(Failure::RestoreRefused)));
}

#[test]
fn an_answer_under_a_new_claim_settles_the_older_attempts() {
    let mut record = claimed(vec![attempt(1, S::Unknown), accepted(2, S::Blocked)]).record;
    triggered(&mut record, key(), claim(3), wall(0), &lost(), at(5));
    let states: Vec<_> = record.attempts.iter().map(|one| one.state).collect();
    assert_eq!(states, [S::NotFound, S::Abandoned, S::Unknown]);
}

#[test]
fn a_late_no_changes_nothing_that_was_decided_meanwhile() {
    let no = refused(Kind::BadRequest, Then::GiveUp);
    for decided in [
        S::Blocked,
        S::Abandoned,
        S::NotFound,
        S::Running,
        S::Ended,
        S::JobFailed,
        S::Accepted,
    ] {
        for answer in [&no, &lost()] {
            let (record, _) = answered(vec![with_job(attempt(1, decided), "j")], answer);
            assert_eq!(state(&record), decided, "{decided:?} {}", answer.label());
            assert_eq!(record.end, None);
        }
    }
}

#[test]
fn a_late_yes_is_recorded_and_loses_no_job() {
    let (record, _) = answered(
        vec![with_job(attempt(1, S::Running), "j")],
        &accepted_answer(),
    );
    let own = record.of_claim(claim(1)).unwrap();
    assert_eq!((own.state, own.accepted), (S::Running, true));
    assert_eq!(own.operation, Some(OperationId::new("o")));

    let (record, _) = answered(vec![attempt(1, S::Blocked)], &accepted_answer());
    assert_eq!(state(&record), S::Accepted, "it unblocks the run");

    let (record, _) = answered(vec![accepted(1, S::OperationFailed)], &accepted_answer());
    assert_eq!(state(&record), S::OperationFailed, "it was recorded before");
}

#[test]
fn an_end_under_an_older_claim_id_does_not_end_this_one() {
    let mut old = claimed(vec![attempt(1, S::NotFound)]).record;
    old.end = Some(End::Failed(Failure::StartByPassed));
    let mut counted = old.clone();

    old.attempts[0].claim = Some(claim_id(99));
    triggered(
        &mut old,
        key(),
        claim(1),
        wall(0),
        &accepted_answer(),
        at(5),
    );
    assert_eq!((old.end, old.phase), (None, Phase::Accepted));

    triggered(
        &mut counted,
        key(),
        claim(1),
        wall(0),
        &accepted_answer(),
        at(5),
    );
    assert_eq!(
        counted.end,
        Some(End::Failed(Failure::StartByPassed)),
        "terminal absorbs"
    );
    assert!(counted.attempts[0].accepted, "but the 2xx is kept");
    assert_eq!(
        counted.phase,
        Phase::Pending,
        "and the phase is not touched"
    );
}

#[test]
fn a_late_answer_to_what_ended_as_refused_reopens_nothing() {
    for answer in [lost(), refused(Kind::Throttled, Then::RetryAfter(minute()))] {
        let mut record = claimed(vec![attempt(1, S::NotStarted)]).record;
        ended(
            &mut record,
            End::Failed(Failure::RestoreRefused),
            "over".to_owned(),
            at(4),
        );
        let before = record.clone();
        triggered(&mut record, key(), claim(1), wall(0), &answer, at(5));
        assert_eq!(record, before, "{}", answer.label());
    }
}

#[test]
fn an_end_settles_only_a_claim_whose_outcome_is_open() {
    let after = |state, end| {
        let mut record = claimed(vec![attempt(1, state)]).record;
        let why = "why".to_owned();
        ended_undecided(&mut record, key(), Some(claim(1)), end, why, at(5));
        record.attempts[0].state
    };
    for state in [S::Unknown, S::Blocked, S::JobSought, S::Accepted] {
        let late = after(state, End::Failed(Failure::StartByPassed));
        assert_eq!(late, S::NotFound, "{state:?}");
        let given_up = after(state, End::Failed(Failure::Abandoned));
        assert_eq!(given_up, S::Abandoned, "{state:?}");
    }
    for state in [S::NotStarted, S::OperationFailed, S::JobFailed] {
        let late = after(state, End::Failed(Failure::Abandoned));
        assert_eq!(late, state);
    }
}

#[test]
fn a_claim_that_is_found_open_is_written_down_in_its_place() {
    let mut record = Record::default();
    for number in [2, 0, 1] {
        found_open_claim(&mut record, key(), claim(number), at(5));
    }
    let numbers: Vec<_> = record.attempts.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [0, 1, 2]);
    let ids: Vec<_> = record.attempts.iter().map(|one| one.request_id).collect();
    let expected = [None, Some(key().request_id(1)), Some(key().request_id(2))];
    assert_eq!(ids, expected, "nothing is sent under a placeholder");
}

#[test]
fn a_job_settles_every_other_attempt() {
    let mut record = claimed(vec![
        attempt(0, S::Claimed),
        attempt(1, S::Unknown),
        attempt(2, S::Unknown),
    ])
    .record;
    let found = job(2, "j", J::InProgress, 0).job;
    adopted(&mut record, key(), Some(claim(0)), 2, &found, None, at(5));
    let states: Vec<_> = record.attempts.iter().map(|one| one.state).collect();
    assert_eq!(states, [S::Running, S::NotFound, S::Running]);
}

/// A crash between the second trigger and its record left the first attempt's operation beside the second one's job.
#[test]
fn operation_of_another_attempt_is_not_shown_with_a_job() {
    let of_attempt = |number: u8, operation: &str| Attempt {
        operation: Some(OperationId::new(operation)),
        ..attempt(number, S::JobFailed)
    };
    let found = job(2, "j", J::InProgress, 0).job;
    let mut record = claimed(vec![of_attempt(1, "op-1"), attempt(2, S::Claimed)]).record;
    record.operation = Some(Operation::unread(OperationId::new("op-1")));
    adopted(&mut record, key(), Some(claim(2)), 2, &found, None, at(5));
    assert_eq!(record.operation, None);

    let mut record = claimed(vec![of_attempt(1, "op-1"), of_attempt(2, "op-2")]).record;
    record.operation = Some(Operation::unread(OperationId::new("op-2")));
    adopted(&mut record, key(), Some(claim(2)), 2, &found, None, at(5));
    assert!(record.operation.is_some(), "its own is");
}

#[test]
fn a_lower_job_does_not_undo_what_the_claim_decided() {
    for (state, expected) in [
        (S::Unknown, S::NotFound),
        (S::Accepted, S::NotFound),
        (S::OperationFailed, S::OperationFailed),
        (S::JobFailed, S::JobFailed),
    ] {
        let mut record = claimed(vec![attempt(1, S::NotFound), attempt(2, state)]).record;
        let found = job(1, "j", J::InProgress, 0).job;
        adopted(&mut record, key(), Some(claim(2)), 1, &found, None, at(5));
        assert_eq!(record.attempt(2).unwrap().state, expected, "{state:?}");
        assert_eq!(record.attempt(1).unwrap().state, S::Running);
    }
    let mut record = claimed(vec![attempt(1, S::NotFound), accepted(2, S::Accepted)]).record;
    let found = job(1, "j", J::InProgress, 0).job;
    adopted(&mut record, key(), Some(claim(2)), 1, &found, None, at(5));
    assert_eq!(
        record.attempt(2).unwrap().state,
        S::NotFound,
        "not abandoned: its claim stays until a list shows its job"
    );
}

#[test]
fn a_job_that_a_person_named_is_that_of_the_claim() {
    let mut record = claimed(vec![accepted(1, S::Blocked)]).record;
    let named = job(5, "named", J::Cancelling, 0).job;
    adopted_as_told(&mut record, key(), claim(1), &named, at(5));
    let own = record.of_claim(claim(1)).unwrap();
    assert_eq!(own.state, S::Adopted);
    assert_eq!(own.job, Some(named.id));
    assert_eq!(record.phase, Phase::Cancelling);
}

#[test]
fn an_outcome_that_is_open_while_broken_is_marked_as_such() {
    for (state, marked) in [
        (S::Unknown, true),
        (S::Blocked, true),
        (S::Running, false),
        (S::NotStarted, false),
    ] {
        let mut record = claimed(vec![attempt(1, state)]).record;
        super::super::adoption::open_while_broken(&mut record, claim(1));
        let own = record.of_claim(claim(1)).unwrap();
        assert_eq!(own.was_open_while_broken(), marked, "{state:?}");
    }
}

#[test]
fn a_block_takes_back_an_end_that_did_not_count() {
    let mut record = Record {
        end: Some(End::Succeeded),
        ..Record::default()
    };
    blocked(&mut record, key(), Some(claim(1)), "why".to_owned(), at(5));
    assert_eq!((record.end, record.phase), (None, Phase::Blocked));
    assert_eq!(record.attempts[0].state, S::Blocked);
}

#[test]
fn trouble_never_hides_how_to_resolve_a_blocked_run() {
    let mut record = Record::default();
    blocked(
        &mut record,
        key(),
        Some(claim(1)),
        "set the annotation".to_owned(),
        at(5),
    );
    note_trouble(&mut record, NoteKind::Throttled, "throttled".to_owned());
    assert_eq!(record.note.message, "set the annotation");

    ended(&mut record, End::Cancelled, "over".to_owned(), at(6));
    note_trouble(&mut record, NoteKind::PermissionDenied, "403".to_owned());
    assert_eq!(record.note.message, "over");
}

#[test]
fn trouble_that_a_person_must_mend_blocks_only_a_run_that_has_not_begun() {
    let after = |phase, kind| {
        let mut record = Record {
            phase,
            ..Record::default()
        };
        note_trouble(&mut record, kind, "why".to_owned());
        assert_eq!(record.note.kind, kind);
        record.phase
    };
    let denied = NoteKind::PermissionDenied;
    assert_eq!(after(Phase::Pending, denied), Phase::Blocked);
    assert_eq!(after(Phase::Running, denied), Phase::Running);
    assert_eq!(after(Phase::Pending, NoteKind::Throttled), Phase::Pending);
}

#[test]
fn what_is_not_for_a_person_takes_a_block_back_unless_a_claim_is_blocked() {
    let held = |phase, attempts: Vec<Attempt>, kind| {
        let mut record = Record {
            phase,
            attempts,
            ..Record::default()
        };
        holds(&mut record, kind, "why".to_owned());
        record.phase
    };
    let waiting = NoteKind::WaitingForRetry;
    assert_eq!(held(Phase::Blocked, vec![], waiting), Phase::Pending);
    assert_eq!(held(Phase::Running, vec![], waiting), Phase::Running);
    let blocked = vec![attempt(1, S::Blocked)];
    assert_eq!(held(Phase::Blocked, blocked, waiting), Phase::Blocked);
}

#[test]
fn a_deletion_that_waits_for_time_does_not_hide_how_to_resolve_a_blocked_run() {
    let after = |attempts: Vec<Attempt>, for_a_person| {
        let mut record = claimed(attempts).record;
        record.note.message = "set the annotation".to_owned();
        deletion_waits(&mut record, for_a_person, "it waits".to_owned());
        (record.phase, record.note.message)
    };
    let said = |phase, message: &str| (phase, message.to_owned());
    let blocked = || vec![attempt(1, S::Blocked)];
    let running = || vec![with_job(accepted(1, S::Running), "j")];
    assert_eq!(
        after(blocked(), false),
        said(Phase::Pending, "set the annotation")
    );
    assert_eq!(after(blocked(), true), said(Phase::Blocked, "it waits"));
    assert_eq!(after(running(), false), said(Phase::Pending, "it waits"));
    assert_eq!(after(running(), true), said(Phase::Blocked, "it waits"));
}

#[test]
fn trouble_that_is_over_is_not_told_any_longer() {
    let mut record = claimed(vec![attempt(1, S::Unknown)]).record;
    record.phase = Phase::Triggering;
    note_trouble(&mut record, NoteKind::PermissionDenied, "403".to_owned());
    waits(&mut record, Some(claim(1)));
    assert_eq!(record.note.kind, NoteKind::ConfirmingTrigger);

    for (state, expected) in [
        (S::Accepted, NoteKind::ConfirmingTrigger),
        (S::NotStarted, NoteKind::WaitingForRetry),
    ] {
        let mut record = claimed(vec![attempt(1, state)]).record;
        note_trouble(&mut record, NoteKind::Throttled, "429".to_owned());
        waits(&mut record, Some(claim(1)));
        assert_eq!(record.note.kind, expected, "{state:?}");
    }

    let mut kept = claimed(vec![attempt(1, S::Unknown)]).record;
    kept.note.kind = NoteKind::PermissionDenied;
    kept.end = Some(End::Cancelled);
    let mut undecided = Record::default();
    let why = "set the annotation".to_owned();
    blocked(&mut undecided, key(), Some(claim(1)), why, at(5));
    for mut record in [kept, undecided] {
        let before = record.clone();
        waits(&mut record, Some(claim(1)));
        assert_eq!(record, before, "ended, or blocked on a claim");
    }

    let mut before = Record::default();
    note_trouble(&mut before, NoteKind::PermissionDenied, "403".to_owned());
    assert_eq!(before.phase, Phase::Blocked);
    waits(&mut before, None);
    assert_eq!(
        (before.phase, before.note.kind),
        (Phase::Pending, NoteKind::WaitingForRetry)
    );
}

#[test]
fn ended_jobs_that_only_a_list_showed_are_named_in_their_place() {
    let mut record = claimed(vec![attempt(1, S::NotFound), attempt(3, S::Unknown)]).record;
    let listed_jobs = [
        (1, job(1, "one", J::Failed, 0).job),
        (2, job(2, "two", J::Cancelled, 0).job),
    ];

    super::super::adoption::listed(&mut record, key(), &listed_jobs);

    let said: Vec<_> = record
        .attempts
        .iter()
        .map(|one| {
            (
                one.number,
                one.state,
                one.job.as_ref().map(|job| job.as_str()),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (1, S::JobFailed, Some("one")),
            (2, S::Ended, Some("two")),
            (3, S::Unknown, None)
        ]
    );
    assert_eq!(record.attempts[1].request_id, Some(key().request_id(2)));
    assert_eq!(record.attempts[1].claim, None);
}

#[test]
fn a_deletion_that_waits_beside_a_trouble_keeps_its_reason_and_hides_no_way_out() {
    let mut record = claimed(vec![accepted(1, S::Accepted)]).record;
    record.note.kind = NoteKind::Throttled;
    deletion_waits_beside(&mut record, "the deletion waits");
    assert_eq!(record.note.kind, NoteKind::Throttled);
    assert_eq!(record.note.message, "the deletion waits");

    let mut record = claimed(vec![attempt(1, S::Blocked)]).record;
    record.note.message = "abandon:".to_owned();
    deletion_waits_beside(&mut record, "the deletion waits");
    assert_eq!(record.note.message, "abandon:");
}
