//! What goes over the wire: every test runs the port against a small Azure of its own on loopback, token endpoint included.

mod listings;
mod points;
mod reads;
mod secrets;
mod small_azure;
mod surroundings;
mod tokens;
mod triggers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::fakes::FakeClock;
use super::*;
use crate::restore::facts::{ProtectedItem, Refusal, RefusalKind, Then, TriggerOutcome};
use crate::restore::ids::{
    ArmId, CanonicalRun, JobId, OperationId, RecoveryPointName, RequestId, RunKey, Scope,
};
use crate::restore::ports::{Budget, Deadline, JobsNeed, Trigger, Vault};
use crate::restore::request::{RestoreRequest, Target};
use small_azure::*;

const SECRET: &str = "s3cr3t~Value.0123";
const VM: &str =
    "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm";

fn a_job(name: &str, activity_id: &str, started: &str) -> Value {
    json!({"name": name, "properties": {
        "jobType": "AzureIaaSVMJob", "operation": "Restore", "status": "InProgress",
        "startTime": started, "activityId": activity_id, "entityFriendlyName": "vm"
    }})
}

fn an_item() -> ProtectedItem {
    ProtectedItem {
        container: "IaasVMContainer;iaasvmcontainerv2;rg;vm".to_owned(),
        name: "VM;iaasvmcontainerv2;rg;vm".to_owned(),
        source: ArmId::new(VM),
        protection_state: "Protected".to_owned(),
        soft_deleted: false,
    }
}

fn a_request() -> RestoreRequest {
    RestoreRequest {
        source: ArmId::new(VM),
        recovery_point: RecoveryPointName::new("20982486783671"),
        region: "westus".to_owned(),
        target: Target::Disks {
            storage_account: ArmId::new("/subscriptions/sub/x"),
            resource_group: None,
        },
        options: Default::default(),
        edge_zone: None,
        rehydrates: false,
        guard_requests: Vec::new(),
    }
}

fn a_request_id() -> RequestId {
    RunKey::compute(
        &Scope::new("s"),
        &CanonicalRun::new("n", "r", &ArmId::new("v")),
    )
    .request_id(1)
}

async fn trigger(vault: &VaultHandle, deadline: Deadline) -> TriggerOutcome {
    let (item, request) = (an_item(), a_request());
    vault
        .trigger(&Trigger {
            item: &item,
            request: &request,
            request_id: a_request_id(),
            deadline,
        })
        .await
}

/// In 30 s on both clocks.
fn soon(clock: &FakeClock) -> Deadline {
    let now = Clock::now(clock);
    let life = SignedDuration::from_secs(30);
    Deadline {
        boot: now.boot + life,
        wall: now.wall + life,
    }
}

fn any_need() -> JobsNeed {
    JobsNeed {
        begun_after: None,
        any_age: false,
        since: None,
    }
}

fn look(clock: &FakeClock) -> JobsNeed {
    JobsNeed {
        begun_after: Some(Clock::now(clock).boot),
        any_age: false,
        since: None,
    }
}
