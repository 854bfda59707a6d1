//! What the API server refuses, fills in and shows by itself, rule by rule.

mod budget;
mod restores;
mod shown;
mod taken;
mod targets;
mod vaults;

use crate::support::installed_control_plane;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn resources(client: Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::gvk("azurebackup.dev", "v1alpha1", kind));
    Api::namespaced_with(client, namespace, &resource)
}

fn object(kind: &str, name: &str, spec: Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

fn a_restore() -> Value {
    json!({
        "vaultRef": {"name": "test-vault"},
        "sourceVirtualMachineId": format!("{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM"),
        "recoveryType": "RestoreDisks",
        "target": {"storageAccountId": storage_account("testAccount")},
    })
}

fn a_vault() -> Value {
    json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000",
        "resourceGroup": "testVaultRG",
        "name": "testVault",
        "auth": {"servicePrincipal": {
            "tenantId": "contoso.onmicrosoft.com",
            "clientId": "00000000-0000-0000-0000-000000000001",
            "secretRef": {"name": "restorer"},
        }},
    })
}

/// A vault that no controller can reach: for objects that are really stored.
fn an_unreachable_vault() -> Value {
    with(
        with(a_vault(), "/cloud", json!("Custom")),
        "/endpoints",
        a_custom_cloud(),
    )
}

fn a_custom_cloud() -> Value {
    json!({
        "resourceManager": "https://management.example.com",
        "authority": "https://login.example.com",
        "audience": "https://management.example.com",
    })
}

fn storage_account(name: &str) -> String {
    format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/{name}"
    )
}

/// `spec` with the value at a JSON pointer set, or removed if the value is null; missing objects on the way are made.
fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut spec;
    let mut path = pointer.trim_start_matches('/').split('/').peekable();
    while let Some(key) = path.next() {
        let map = place.as_object_mut().unwrap();
        if path.peek().is_none() {
            match value {
                Value::Null => map.remove(key),
                value => map.insert(key.to_owned(), value),
            };
            break;
        }
        place = map.entry(key).or_insert_with(|| json!({}));
    }
    spec
}

/// One change to a good object, and what the refusal has to say; `None` means that the API server takes it.
type Case = (&'static str, Value, Option<&'static str>);

async fn check_creation(kind: &str, base: &Value, cases: Vec<Case>) {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("admission").await.unwrap();
    let api = resources(plane.client(), &namespace, kind);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut wrong = vec![];
    for (pointer, value, expected) in cases {
        let spec = if pointer.is_empty() {
            value.clone()
        } else {
            with(base.clone(), pointer, value.clone())
        };
        let answer = api.create(&dry_run, &object(kind, "candidate", spec)).await;
        wrong.extend(judge(
            &format!("create with {pointer} = {value}"),
            answer,
            expected,
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn check_update(kind: &str, base: &Value, cases: Vec<Case>) {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("admission").await.unwrap();
    let api = resources(plane.client(), &namespace, kind);
    api.create(
        &PostParams::default(),
        &object(kind, "existing", base.clone()),
    )
    .await
    .unwrap();
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let mut wrong = vec![];
    for (pointer, value, expected) in cases {
        let change = with(json!({}), pointer, json!("replaced below"));
        let mut patch = json!({"spec": change});
        *patch.pointer_mut(&format!("/spec{pointer}")).unwrap() = value.clone();
        let answer = api.patch("existing", &dry_run, &Patch::Merge(&patch)).await;
        wrong.extend(judge(
            &format!("update {pointer} to {value}"),
            answer,
            expected,
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judge(
    what: &str,
    answer: kube::Result<DynamicObject>,
    expected: Option<&str>,
) -> Option<String> {
    match (answer, expected) {
        (Ok(_), None) => None,
        (Err(kube::Error::Api(refusal)), Some(text)) if refusal.message.contains(text) => None,
        (Ok(_), Some(text)) => Some(format!("{what}: taken, but should be refused with: {text}")),
        (Err(error), expected) => Some(format!("{what}: expected {expected:?}, got: {error}")),
    }
}
