use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::translate::{CLAIM, FINALIZER, RESOLVE, run};
use super::super::{reasons, status_read, status_write};
use crate::api::v1alpha1 as api;
use crate::restore::facts::{
    ErrorText, JobDetail, JobStatus, JobSummary, Operation, OperationStatus, RecoveryPoint,
};
use crate::restore::ids::{ArmId, JobId, OperationId, RecoveryPointName, Scope};
use crate::restore::record::{
    Attempt, AttemptState, ChosenPoint, End, Failure, ItemNames, Note, NoteKind, Phase, Record,
};
use crate::restore::record::{Mark, Resolve, Run};

const VAULT: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";

fn object(status: Value) -> api::VmRestore {
    let object = json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
        "metadata": {"name": "r", "namespace": "n"},
        "spec": {
            "vaultRef": {"name": "v"},
            "sourceVirtualMachineId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
            "recoveryType": "RestoreDisks",
            "target": {"storageAccountId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"},
        },
        "status": status,
    });
    serde_json::from_value(object).unwrap()
}

fn read(status: Value) -> Run {
    run(&object(status), Some(ArmId::new(VAULT)), &Scope::new("s"))
}

fn annotated(text: &str) -> api::VmRestore {
    let mut object = object(json!({}));
    let annotations = object.metadata.annotations.get_or_insert_default();
    annotations.insert(RESOLVE.to_owned(), text.to_owned());
    object
}

/// The status that a record makes, as it is stored.
fn written(run: &Run, record: &Record, now: Timestamp, old: &api::StoredStatus) -> Value {
    let mut conditions: Vec<Condition> = status_read::conditions(old);
    reasons::set(&mut conditions, run, record, 1, now);
    let mut status = status_write::status(run, record);
    status.observed_generation = 1;
    status.conditions = conditions;
    old.overlaid_with(&status).0
}

#[test]
fn what_a_person_writes_is_taken_as_it_is_spelt_out() {
    let id = "00000000-0000-0000-0000-000000000007";
    let claim = id.parse().unwrap();
    let word = |text: &str| run(&annotated(text), None, &Scope::new("s")).resolve;
    assert_eq!(word(&format!("retry:{id}")), Some(Resolve::Retry(claim)));
    assert_eq!(
        word(&format!(" abandon: {id} ")),
        Some(Resolve::Abandon(claim))
    );
    assert_eq!(
        word(&format!("adopt:{id}/j")),
        Some(Resolve::Adopt(claim, JobId::new("j")))
    );
    assert!(
        matches!(word("abandon:anything"), Some(Resolve::Abandon(_))),
        "nothing may be claimed"
    );
    for nothing in [
        "",
        "retry",
        "retry:",
        "retry:x",
        "adopt:x/j",
        &format!("adopt:{id}"),
        "yes",
    ] {
        assert_eq!(word(nothing), None, "{nothing}");
    }
}

#[test]
fn a_status_that_cannot_be_understood_stays_so_when_it_is_told() {
    for (what, status) in [
        (
            "an unknown phase",
            json!({"phase": "Dreaming", "finished": false}),
        ),
        (
            "an end that is none",
            json!({"phase": "Succeeded", "finished": false}),
        ),
        (
            "no end that is one",
            json!({"phase": "Running", "finished": true}),
        ),
        (
            "an unknown state",
            json!({"attempts": [{"number": 1, "state": "Dreaming"}]}),
        ),
        (
            "attempts in no order",
            json!({"attempts": [{"number": 2}, {"number": 1}]}),
        ),
        ("a message that is none", json!({"message": 7})),
        ("conditions that are none", json!({"conditions": 7})),
    ] {
        let stored = api::StoredStatus(status.clone());
        let run = read(status);
        assert!(run.record.unreadable.is_some(), "{what}");
        let mut record = run.record.clone();
        record.phase = Phase::Blocked;
        record.note = Note {
            kind: NoteKind::StatusUnreadable,
            message: "cannot".to_owned(),
        };
        let mut status = status_write::status(&run, &record);
        reasons::set(
            &mut status.conditions,
            &run,
            &record,
            1,
            Timestamp::UNIX_EPOCH,
        );

        let informed = status_read::informed(&stored, &status);

        assert!(
            read(informed.0.clone()).record.unreadable.is_some(),
            "{what}: {}",
            informed.0
        );
    }
}

#[test]
fn conditions_of_a_status_that_cannot_be_understood_keep_their_times() {
    let condition = json!({"type": "Ready", "status": "False", "reason": "StatusUnreadable", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let stored = api::StoredStatus(json!({"phase": "Dreaming", "conditions": [condition]}));
    assert!(stored.read().is_err());
    assert_eq!(status_read::conditions(&stored).len(), 1);
}

fn a_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn an_attempt(number: u8) -> impl Strategy<Value = Attempt> {
    let ids = (
        any::<Option<u128>>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (
        0..AttemptState::ALL.len(),
        ids,
        prop::option::of(a_time()),
        ".{0,9}",
    )
        .prop_map(
            move |(state, (claim, accepted, operation, job), claimed, code)| Attempt {
                number,
                request_id: None,
                claim: claim.map(|id| crate::restore::ids::ClaimId::new(uuid::Uuid::from_u128(id))),
                claimed,
                state: AttemptState::ALL[state],
                accepted,
                operation: operation.then(|| OperationId::new("o")),
                job: job.then(|| JobId::new(format!("j{number}"))),
                error: (!code.is_empty()).then(|| ErrorText {
                    code,
                    message: "why".to_owned(),
                }),
            },
        )
}

fn an_end() -> impl Strategy<Value = (Phase, Option<End>)> {
    let failures = [
        Failure::JobFailed,
        Failure::OperationFailed,
        Failure::RestoreRefused,
        Failure::StartByPassed,
        Failure::RunTimedOut,
        Failure::Abandoned,
    ];
    let open = [
        Phase::Pending,
        Phase::Triggering,
        Phase::Accepted,
        Phase::Running,
        Phase::Cancelling,
        Phase::Blocked,
    ];
    prop_oneof![
        prop::sample::select(open.to_vec()).prop_map(|phase| (phase, None)),
        Just((Phase::Succeeded, Some(End::Succeeded))),
        Just((Phase::PartiallySucceeded, Some(End::PartiallySucceeded))),
        Just((Phase::Cancelled, Some(End::Cancelled))),
        prop::sample::select(failures.to_vec())
            .prop_map(|failure| (Phase::Failed, Some(End::Failed(failure)))),
    ]
}

fn a_point(name: String, time: Option<Timestamp>) -> ChosenPoint {
    ChosenPoint {
        point: RecoveryPoint {
            name: RecoveryPointName::new(name),
            object_type: String::new(),
            time,
            consistency: "AppConsistent".to_owned(),
            tiers: Vec::new(),
            soft_deleted: None,
            expires: None,
            managed: None,
            details: Default::default(),
        },
        reason: "newest".to_owned(),
        candidates: Vec::new(),
    }
}

fn a_job(status: String, started: Option<Timestamp>, percent: Option<u8>) -> JobDetail {
    let summary = JobSummary {
        id: JobId::new("j1"),
        activity_id: "a".to_owned(),
        operation: "Restore".to_owned(),
        status: JobStatus::parse(&status),
        started,
        ended: None,
        entity: String::new(),
        container: String::new(),
    };
    JobDetail {
        progress_percent: percent,
        ..JobDetail::from_list(summary, None)
    }
}

prop_compose! {
    fn a_record()(
        (phase, end) in an_end(),
        numbers in prop::collection::btree_set(0_u8..=16, 0..5),
        times in prop::collection::vec(prop::option::of(a_time()), 4),
        name in "[0-9]{1,20}",
        word in "[A-Za-z]{1,12}",
        percent in prop::option::of(0_u8..=100),
        has in prop::collection::vec(any::<bool>(), 5),
        message in ".{0,40}",
    )(
        attempts in numbers.iter().map(|number| an_attempt(*number)).collect::<Vec<_>>(),
        phase in Just(phase), end in Just(end), times in Just(times), name in Just(name),
        word in Just(word), percent in Just(percent), has in Just(has), message in Just(message),
    ) -> Record {
        Record {
            unreadable: None,
            phase,
            end,
            note: Note { kind: NoteKind::LookingForJob, message },
            vault: has[0].then(|| ArmId::new(VAULT)),
            item: has[1].then(|| ItemNames { container: "c".to_owned(), name: "i".to_owned() }),
            point: has[2].then(|| a_point(name, times[0])),
            region: has[1].then(|| "westus".to_owned()),
            attempts,
            operation: has[3].then(|| Operation {
                id: OperationId::new("o"),
                status: OperationStatus::parse(&word),
                started: times[1],
                ended: None,
                job: None,
                error: None,
            }),
            job: has[4].then(|| a_job(word, times[2], percent)),
            start_time: times[0],
            trigger_time: times[1],
            completion_time: times[3],
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "Running",
            "Blocked",
            "Succeeded",
            "Claimed",
            "2026-01-01T00:00:00Z"
        ])
        .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "phase",
        "finished",
        "attempts",
        "number",
        "state",
        "claimId",
        "jobId",
        "job",
        "id",
        "status",
        "runKey",
        "conditions",
        "message",
        "recoveryPoint",
        "name",
        "tiers",
        "operation",
        "properties",
        "tasks",
        "odd",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_record_that_is_written_reads_back_the_same(record in a_record(), now in a_time()) {
        let before = read(json!({}));
        let status = written(&before, &record, now, &api::StoredStatus::default());

        let after = read(status.clone());

        let mut expected = record.clone();
        // The message is for people; a warning may stand behind it.
        expected.note.clone_from(&after.record.note);
        prop_assert_eq!(&after.record, &expected);
        prop_assert_eq!(after.key, before.key);
        if record.end.is_none() {
            prop_assert_eq!(after.record.note.kind, record.note.kind);
        }
        let again = written(&after, &after.record, now, &api::StoredStatus(status.clone()));
        prop_assert_eq!(read(again.clone()).record.attempts, after.record.attempts);
        prop_assert_eq!(again["phase"].clone(), status["phase"].clone());
    }

    #[test]
    fn any_json_in_a_status_is_read_without_a_panic(status in any_json()) {
        let run = read(status.clone());
        if run.record.unreadable.is_some() {
            prop_assert!(run.record.attempts.is_empty() && run.record.end.is_none());
        }
    }

    #[test]
    fn one_spoilt_field_is_read_without_a_panic(record in a_record(), field in any::<prop::sample::Index>(), value in any_json()) {
        let before = read(json!({}));
        let mut status = written(&before, &record, Timestamp::UNIX_EPOCH, &api::StoredStatus::default());
        let fields = status.as_object_mut().unwrap();
        let name = fields.keys().nth(field.index(fields.len())).unwrap().clone();
        fields.insert(name, value);
        let stored = api::StoredStatus(status.clone());

        let run = read(status);

        if run.record.unreadable.is_some() {
            let informed = status_read::informed(&stored, &status_write::status(&run, &run.record));
            prop_assert!(read(informed.0).record.unreadable.is_some());
        }
    }

    #[test]
    fn any_annotation_is_read_without_a_panic(claim in ".{0,60}", word in ".{0,60}", held: bool) {
        let mut object = annotated(&word);
        object.metadata.annotations.get_or_insert_default().insert(CLAIM.to_owned(), claim);
        object.metadata.finalizers = held.then(|| vec![FINALIZER.to_owned()]);
        let run = run(&object, None, &Scope::new("s"));
        prop_assert!(run.mark != Mark::None);
    }
}
