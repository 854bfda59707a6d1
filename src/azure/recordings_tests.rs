//! Every decoder against real bodies (when `AZURE_RECORDINGS_DIR` names the folder) and against arbitrary JSON.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::scrub::Scrubber;
use super::{decode, jobs, operations, protected_items, recovery_points};
use crate::restore::choose::Consistency;
use crate::restore::facts::{JobStatus, OperationStatus, RecoveryPoint, Tier};
use crate::restore::ids::OperationId;

/// Every decoder, whatever the body.
fn decode_all(body: &Value) {
    let scrubber = Scrubber::default();
    let _ = jobs::summary(body, &scrubber);
    let _ = jobs::detail(body, &scrubber);
    let _ = operations::operation_status(body, &OperationId::new("op"), &scrubber);
    let _ = recovery_points::recovery_point(body, &scrubber);
    let _ = protected_items::protected_item(body);
    let _ = decode::error_of(body, &scrubber);
    let _ = (
        decode::time(body),
        decode::duration(body),
        decode::percent(body),
    );
}

/// What a recorded body must decode to, by the kind that the recording gives it.
fn check(kind: &str, body: &Value) -> Result<(), String> {
    let scrubber = Scrubber::default();
    let entries = || body["value"].as_array().cloned().ok_or("no list");
    let good = match kind {
        "Job" | "CrrJob" => jobs::detail(body, &scrubber).is_some_and(|job| {
            !matches!(job.summary.status, JobStatus::Other(_))
                && job.summary.started.is_some()
                && !job.summary.activity_id.is_empty()
                && job.duration.is_some()
                && (job.summary.status != JobStatus::Failed || !job.errors.is_empty())
        }),
        "JobList" => entries()?.iter().all(|entry| {
            jobs::summary(entry, &scrubber).is_some_and(|job| !job.activity_id.is_empty())
        }),
        "OpV" | "St" | "CrrSt" => operations::operation_status(
            body,
            &OperationId::new("op"),
            &scrubber,
        )
        .is_some_and(|operation| match operation.status {
            OperationStatus::Succeeded => operation.started.is_some() && operation.ended.is_some(),
            OperationStatus::InProgress => operation.ended.is_none() && operation.job.is_none(),
            OperationStatus::Failed | OperationStatus::Canceled | OperationStatus::Other(_) => {
                false
            }
        }),
        "RPList" => entries()?.iter().all(|entry| {
            recovery_points::recovery_point(entry, &scrubber).is_some_and(|point| is_whole(&point))
        }),
        "RP" => {
            recovery_points::recovery_point(body, &scrubber).is_some_and(|point| is_whole(&point))
        }
        "ItemList" => entries()?
            .iter()
            .all(|entry| protected_items::protected_item(entry).is_some()),
        _ => true,
    };
    if good {
        Ok(())
    } else {
        Err("not what was expected".to_owned())
    }
}

/// Whether everything that the choice needs is there, in words: all recorded points can be restored from.
pub(super) fn is_whole(point: &RecoveryPoint) -> bool {
    let known = |tier: &Tier| {
        ["InstantRP", "HardenedRP", "ArchivedRP"].contains(&tier.kind.as_str())
            && ["Valid", "Deleted", "Rehydrated"].contains(&tier.status.as_str())
    };
    point.time.is_some()
        && Consistency::parse(&point.consistency).is_some()
        && point.object_type == "IaasVMRecoveryPoint"
        && point.managed == Some(true)
        && !point.tiers.is_empty()
        && point.tiers.iter().all(known)
}

#[test]
fn every_recorded_body_decodes() {
    let Some(folder) = std::env::var_os("AZURE_RECORDINGS_DIR") else {
        eprintln!("skipped: AZURE_RECORDINGS_DIR does not say where the recordings are");
        return;
    };
    let (mut bodies, mut faults) = (0, Vec::new());
    for file in std::fs::read_dir(Path::new(&folder)).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let recording: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for exchange in recording["exchanges"].as_array().into_iter().flatten() {
            let (kind, response) = (
                exchange["kind"].as_str().unwrap_or_default(),
                &exchange["response"],
            );
            let (status, body) = (
                response["status"].as_u64().unwrap_or_default(),
                &response["body"],
            );
            if body.is_null() {
                continue;
            }
            decode_all(body);
            bodies += 1;
            let result = match status {
                200 => check(kind, body),
                400.. => {
                    let error = decode::error_of(body, &Scrubber::default());
                    if error.code.is_empty() {
                        Err("an error without a code".to_owned())
                    } else {
                        Ok(())
                    }
                }
                _ => Ok(()),
            };
            if let Err(fault) = result {
                faults.push(format!(
                    "{}: {kind} {status}: {fault}: {body}",
                    path.display()
                ));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {bodies}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(bodies > 0, "no recording was found");
}

#[test]
fn a_point_of_the_oldest_shape_decodes() {
    let body = json!({
        "id": "/subscriptions/s/resourceGroups/g/providers/microsoft.recoveryservices/vaults/v/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;g;vm/protectedItems/VM;iaasvmcontainerv2;g;vm/recoveryPoints/22244821112382",
        "name": "22244821112382",
        "type": "microsoft.recoveryservices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint", "recoveryPointType": "CrashConsistent",
            "recoveryPointTime": "2018-06-04T06:06:00.5121087Z", "recoveryPointAdditionalInfo": "",
            "sourceVMStorageType": "NormalStorage", "isSourceVMEncrypted": false
        }
    });

    let point = recovery_points::recovery_point(&body, &Scrubber::default()).unwrap();

    assert_eq!(point.name.as_str(), "22244821112382");
    assert!(point.tiers.is_empty());
    assert_eq!(point.managed, None);
}

/// JSON that often has the names that the decoders look for, with values of any type.
fn any_json() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 24] = [
        "id",
        "name",
        "properties",
        "value",
        "status",
        "startTime",
        "endTime",
        "duration",
        "extendedInfo",
        "tasksList",
        "propertyBag",
        "errorDetails",
        "recommendations",
        "progressPercentage",
        "actionsInfo",
        "jobId",
        "jobIds",
        "error",
        "code",
        "message",
        "recoveryPointTierDetails",
        "type",
        "recoveryPointProperties",
        "sourceResourceId",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[-0-9T:.ZPDHMS]{0,30}".prop_map(Value::from),
        "/protectionContainers/.{0,5}/protectedItems/.{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(NAMES.as_slice()), inner, 0..8)
                .prop_map(|fields| {
                    Value::Object(
                        fields
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_json_never_panics(body in any_json()) {
        decode_all(&body);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::error_text(&body, &Scrubber::default());
    }

    #[test]
    fn every_text_that_is_passed_on_is_short(text in "\\PC{0,3000}") {
        let body = json!({"name": "j", "properties": {"status": text, "errorDetails": [{"errorString": text}]}});

        let job = jobs::detail(&body, &Scrubber::default()).unwrap();

        prop_assert!(job.errors[0].message.chars().count() <= 1024);
        prop_assert!(job.summary.status.as_str().chars().count() <= 1024);
    }
}
