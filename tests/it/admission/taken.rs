//! What the API server takes: defaults, unknown fields, any status, the examples.

use super::{a_restore, a_vault, object, resources, with};
use crate::support::installed_control_plane;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use vmrestore::api::v1alpha1::VmRestore;

#[tokio::test(flavor = "multi_thread")]
async fn defaults_are_filled_in_and_an_unseen_object_says_so() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("defaults").await.unwrap();
    let restores = resources(plane.client(), &namespace, "VmRestore");
    let vaults = resources(plane.client(), &namespace, "RecoveryServicesVault");
    // A key without a value, as YAML often has it, counts as left out.
    let spec = with(a_restore(), "/runId", json!(""));
    let mut empty_key = serde_json::to_value(object("VmRestore", "restore", spec)).unwrap();
    empty_key["spec"]["runId"] = Value::Null;

    let restore = restores
        .create(
            &PostParams::default(),
            &serde_json::from_value(empty_key).unwrap(),
        )
        .await
        .unwrap();
    let vault = vaults
        .create(
            &PostParams {
                dry_run: true,
                ..PostParams::default()
            },
            &object("RecoveryServicesVault", "vault", a_vault()),
        )
        .await
        .unwrap();

    assert_eq!(restore.data["spec"]["runId"], "");
    assert_eq!(restore.data["spec"]["retryLimit"], 2);
    assert_eq!(restore.data["spec"]["timeouts"], json!({"run": "24h"}));
    assert_eq!(restore.data["spec"].get("startBy"), None);
    assert_eq!(
        restore.data["status"],
        json!({"observedGeneration": -1, "phase": "Pending", "finished": false})
    );
    assert_eq!(vault.data["spec"]["cloud"], "AzurePublic");
    assert_eq!(vault.data["spec"]["pollInterval"], "60s");
    assert_eq!(
        vault.data["spec"]["auth"]["servicePrincipal"]["secretRef"]["key"],
        "clientSecret"
    );
    assert_eq!(vault.data["status"], json!({"observedGeneration": -1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_refused_and_say_which() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("strict").await.unwrap();
    for (kind, base, field) in [
        ("VmRestore", a_restore(), "spec.runPolicy"),
        ("VmRestore", a_restore(), "spec.region"),
        ("VmRestore", a_restore(), "spec.recoveryPoint.latest"),
        ("RecoveryServicesVault", a_vault(), "spec.policy"),
        (
            "RecoveryServicesVault",
            a_vault(),
            "spec.auth.managedIdentity",
        ),
    ] {
        let pointer = field.trim_start_matches("spec").replace('.', "/");
        let mut manifest =
            serde_json::to_value(object(kind, "strict", with(base, &pointer, json!("x")))).unwrap();
        manifest["metadata"]["namespace"] = json!(namespace);

        let refused = plane.apply_text(&manifest.to_string()).await;

        let message = testbed::chain(&refused.expect_err(field));
        assert!(
            message.contains(&format!("unknown field \"{field}\"")),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_status_of_the_right_types_is_taken_and_unknown_fields_stay() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("status").await.unwrap();
    let api = resources(plane.client(), &namespace, "VmRestore");
    api.create(
        &PostParams::default(),
        &object("VmRestore", "restore", a_restore()),
    )
    .await
    .unwrap();
    let status = json!({
        "phase": "Dreaming", "waves": [1, 2],
        "job": {"id": "", "status": "Übermorgen", "startTime": "not a time", "carbon": {"grams": 4},
                "tasks": [{"name": "x".repeat(2000), "mood": "good"}], "properties": {"Recovery point time ": "x"}},
        "attempts": [{"number": 99, "state": "Elsewhere", "colour": "red"}],
    });

    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status("restore", &PatchParams::default(), &patch)
        .await
        .unwrap();

    let typed: Api<VmRestore> = Api::namespaced(plane.client(), &namespace);
    let stored = typed.get("restore").await.unwrap().status.unwrap();
    assert_eq!(stored.0["waves"], json!([1, 2]));
    assert_eq!(stored.0["job"]["carbon"]["grams"], 4);
    assert_eq!(stored.0["attempts"][0]["colour"], "red");
    assert!(
        stored.read().is_err(),
        "an unknown phase must be unreadable"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_are_taken_as_they_are() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("examples").await.unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let moved = text
            .replace(
                "namespace: vmrestore-vaults",
                &format!("namespace: {namespace}"),
            )
            .replace("namespace: team-a", &format!("namespace: {namespace}"));
        let file = plane.supervisor().folder().join(path.file_name().unwrap());
        std::fs::write(&file, moved).unwrap();

        let taken = plane
            .kubectl_ok(&["apply", "--dry-run=server", "-f", file.to_str().unwrap()])
            .await;

        assert!(
            taken.is_ok(),
            "{}: {}",
            path.display(),
            testbed::chain(&taken.unwrap_err())
        );
        seen += 1;
    }
    assert!(seen >= 4, "found {seen} examples");
}
