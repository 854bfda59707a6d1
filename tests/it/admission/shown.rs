//! What `kubectl get` and `kubectl explain` show.

use super::{a_restore, an_unreachable_vault, object, resources};
use crate::support::installed_control_plane;
use kube::ResourceExt as _;
use kube::api::{Api, PostParams};
use serde_json::json;
use vmrestore::api::conditions::{self, ConditionType, Reason, Said};
use vmrestore::api::v1alpha1::{StoredStatus, VmRestore, VmRestoreStatus};

#[tokio::test(flavor = "multi_thread")]
async fn columns_show_the_run_at_a_glance() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("columns").await.unwrap();
    let restores: Api<VmRestore> = Api::namespaced(plane.client(), &namespace);
    let vaults = resources(plane.client(), &namespace, "RecoveryServicesVault");
    vaults
        .create(
            &PostParams::default(),
            &object("RecoveryServicesVault", "vault", an_unreachable_vault()),
        )
        .await
        .unwrap();
    let restore: VmRestore = serde_json::from_value(json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore", "metadata": {"name": "restore"}, "spec": a_restore(),
    }))
    .unwrap();
    let mut restore = restores
        .create(&PostParams::default(), &restore)
        .await
        .unwrap();

    restore.status = Some(
        restore
            .status
            .clone()
            .unwrap_or_default()
            .overlaid_with(&a_running_status()),
    );
    restores
        .replace_status(&restore.name_any(), &PostParams::default(), &restore)
        .await
        .unwrap();

    let table = plane
        .kubectl_ok(&["-n", &namespace, "get", "vmr"])
        .await
        .unwrap();
    assert_columns(
        &table,
        &[
            "NAME", "PHASE", "VM", "TYPE", "POINT", "PROGRESS", "JOB", "AGE",
        ],
    );
    assert!(
        table.contains("Running   testVM   RestoreDisks   2018-06-04T06:06:01Z   77         job-1"),
        "{table}"
    );
    let wide = plane
        .kubectl_ok(&["-n", &namespace, "get", "vmr", "-o", "wide"])
        .await
        .unwrap();
    assert_columns(
        &wide,
        &[
            "NAME",
            "PHASE",
            "VM",
            "TYPE",
            "POINT",
            "PROGRESS",
            "JOB",
            "OPERATION",
            "ATTEMPT",
            "MESSAGE",
            "AGE",
        ],
    );
    assert!(
        wide.contains("operation-1   2         job job-1 has transferred 77 %"),
        "{wide}"
    );
    let vault = plane
        .kubectl_ok(&["-n", &namespace, "get", "rsv"])
        .await
        .unwrap();
    assert_columns(&vault, &["NAME", "READY", "VAULT", "LOCATION", "AGE"]);
    let both = plane
        .kubectl_ok(&["-n", &namespace, "get", "azurebackup", "-o", "name"])
        .await
        .unwrap();
    assert_eq!(
        both.trim(),
        "recoveryservicesvault.azurebackup.dev/vault\nvmrestore.azurebackup.dev/restore"
    );
}

fn a_running_status() -> VmRestoreStatus {
    let status = StoredStatus(json!({
        "observedGeneration": 1, "phase": "Running", "virtualMachineName": "testVM",
        "message": "job job-1 has transferred 77 %",
        "recoveryPoint": {"name": "1", "time": "2018-06-04T06:06:01Z"},
        "attempts": [{"number": 1, "state": "JobFailed"}, {"number": 2, "state": "Running"}],
        "operation": {"id": "operation-1", "status": "Succeeded"},
        "job": {"id": "job-1", "progressPercent": 77},
    }));
    let mut status = status.read().unwrap();
    let said = Said {
        status: Some(false),
        reason: Reason::JobRunning,
        message: String::new(),
        observed_generation: 1,
    };
    conditions::set(
        &mut status.conditions,
        ConditionType::Ready,
        said,
        jiff::Timestamp::UNIX_EPOCH,
    );
    status
}

fn assert_columns(table: &str, expected: &[&str]) {
    let header: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(header, expected, "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_teaches() {
    let plane = installed_control_plane().await;
    // OpenAPI of a new CRD is published a moment after it is established.
    let explained =
        crate::support::eventually("kubectl explain to know VmRestore", 30, async || {
            plane
                .kubectl_ok(&["explain", "vmr.spec", "--recursive=false"])
                .await
                .ok()
        })
        .await;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(&explained).contains(
            "The restore that is wanted. The first six fields say which restore is meant"
        ),
        "{explained}"
    );
    for (path, expected) in [
        (
            "vmr",
            "One run of one restore of an Azure virtual machine from Azure Backup.",
        ),
        ("vmr.spec.startBy", "for example 2026-11-22T18:00:00Z"),
        ("vmr.spec.timeouts.run", "written like 24h, 90m or 1h30m"),
        (
            "vmr.spec.target.resourceGroupId",
            "Left out with RestoreDisks: Azure writes unmanaged VHD files",
        ),
        (
            "vmr.status.phase",
            "Succeeded, PartiallySucceeded, Failed or Cancelled",
        ),
        (
            "rsv.spec.allowedNamespaces",
            "Which other namespaces may refer to this vault.",
        ),
        (
            "rsv.spec.auth.servicePrincipal.secretRef",
            "in the namespace of this vault object",
        ),
    ] {
        let explained = crate::support::eventually(path, 30, async || {
            plane.kubectl_ok(&["explain", path]).await.ok()
        })
        .await;
        assert!(
            words(&explained).contains(expected),
            "kubectl explain {path}: {explained}"
        );
    }
}
