//! What the API server refuses, fills in and shows by itself, rule by rule.

use crate::support::installed_control_plane;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use vmrestore::api::conditions::{self, ConditionType, Reason, Said};
use vmrestore::api::v1alpha1::{StoredStatus, VmRestore, VmRestoreStatus};

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

#[tokio::test(flavor = "multi_thread")]
async fn restores_are_checked_when_created() {
    let vm = "sourceVirtualMachineId must be the id of a virtual machine: write /subscriptions/";
    let account =
        "target.storageAccountId must be the id of a storage account: write /subscriptions/";
    let group = "target.resourceGroupId must be the id of a resource group: write /subscriptions/";
    let point =
        "recoveryPoint.name must be the name of a recovery point, not its id: write for example";
    let start_by =
        "startBy must be a date and time with a zone: write for example 2026-11-22T18:00:00Z";
    let timeout =
        "timeouts.run must be a duration from 1s to 720h: write for example 24h, 90m or 1h30m";
    let a_vm = |name: &str| {
        json!(format!(
            "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/{name}"
        ))
    };
    let cases: Vec<Case> = vec![
        ("", a_restore(), None),
        // required fields
        (
            "/vaultRef",
            Value::Null,
            Some("spec.vaultRef: Required value"),
        ),
        (
            "/vaultRef/name",
            Value::Null,
            Some("spec.vaultRef.name: Required value"),
        ),
        (
            "/sourceVirtualMachineId",
            Value::Null,
            Some("spec.sourceVirtualMachineId: Required value"),
        ),
        (
            "/recoveryType",
            Value::Null,
            Some("spec.recoveryType: Required value"),
        ),
        ("/target", Value::Null, Some("spec.target: Required value")),
        (
            "/target/storageAccountId",
            Value::Null,
            Some("spec.target.storageAccountId: Required value"),
        ),
        // vaultRef
        ("/vaultRef/namespace", json!("platform"), None),
        ("/vaultRef/name", json!(""), Some("spec.vaultRef.name")),
        (
            "/vaultRef/namespace",
            json!(""),
            Some("spec.vaultRef.namespace"),
        ),
        // ids have the shape of their resource, in any letter case
        (
            "/sourceVirtualMachineId",
            json!(
                format!(
                    "{SUBSCRIPTION}/RESOURCEGROUPS/a/PROVIDERS/microsoft.compute/VIRTUALMACHINES/b"
                )
                .to_uppercase()
            ),
            None,
        ),
        ("/sourceVirtualMachineId", a_vm("web_1.x"), None),
        ("/sourceVirtualMachineId", a_vm("a/b"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a b"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a\n"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a?b=c"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm(""), Some(vm)),
        ("/sourceVirtualMachineId", json!("testVM"), Some(vm)),
        (
            "/sourceVirtualMachineId",
            json!(storage_account("acct")),
            Some(vm),
        ),
        (
            "/sourceVirtualMachineId",
            json!(format!(
                "https://management.azure.com{SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.Compute/virtualMachines/b"
            )),
            Some(vm),
        ),
        (
            "/sourceVirtualMachineId",
            a_vm(&"a".repeat(600)),
            Some("may not be more than 512"),
        ),
        (
            "/target/storageAccountId",
            json!(storage_account("a")),
            Some(account),
        ),
        (
            "/target/storageAccountId",
            json!(storage_account("acct-1")),
            Some(account),
        ),
        ("/target/storageAccountId", a_vm("web"), Some(account)),
        (
            "/target/resourceGroupId",
            json!(format!("{SUBSCRIPTION}/resourcegroups/restores")),
            None,
        ),
        ("/target/resourceGroupId", json!("restores"), Some(group)),
        ("/target/resourceGroupId", a_vm("web"), Some(group)),
        // recovery point
        ("/recoveryPoint", json!({}), None),
        ("/recoveryPoint/name", json!("20982486783671"), None),
        (
            "/recoveryPoint/name",
            json!(format!("{SUBSCRIPTION}/recoveryPoints/1")),
            Some(point),
        ),
        (
            "/recoveryPoint/name",
            json!(20982486783671u64),
            Some("spec.recoveryPoint.name"),
        ),
        (
            "/recoveryPoint/name",
            json!(""),
            Some("spec.recoveryPoint.name"),
        ),
        // one recovery type so far
        (
            "/recoveryType",
            json!("OriginalLocation"),
            Some("supported values: \"RestoreDisks\""),
        ),
        (
            "/recoveryType",
            json!("restoredisks"),
            Some("supported values: \"RestoreDisks\""),
        ),
        // run id
        ("/runId", json!("second time"), None),
        (
            "/runId",
            json!("x".repeat(64)),
            Some("may not be more than 63"),
        ),
        // startBy
        ("/startBy", json!("2026-11-22T18:00:00Z"), None),
        ("/startBy", json!("2026-11-22T18:00:00.123+01:00"), None),
        ("/startBy", json!("2026-11-22"), Some(start_by)),
        ("/startBy", json!("2026-11-22T18:00:00"), Some(start_by)),
        ("/startBy", json!("2026-02-30T18:00:00Z"), Some(start_by)),
        ("/startBy", json!("tomorrow"), Some(start_by)),
        // retryLimit
        ("/retryLimit", json!(0), None),
        ("/retryLimit", json!(10), None),
        (
            "/retryLimit",
            json!(11),
            Some("should be less than or equal to 10"),
        ),
        (
            "/retryLimit",
            json!(-1),
            Some("should be greater than or equal to 0"),
        ),
        // durations
        ("/timeouts/run", json!("90m"), None),
        ("/timeouts/run", json!("1h30m"), None),
        ("/timeouts/run", json!("720h"), None),
        ("/timeouts/run", json!("0s"), Some(timeout)),
        ("/timeouts/run", json!("721h"), Some(timeout)),
        ("/timeouts/run", json!("999999h999999h9h"), Some(timeout)),
        ("/timeouts/run", json!("-5m"), Some(timeout)),
        ("/timeouts/run", json!("5"), Some(timeout)),
        ("/timeouts/run", json!("2d"), Some(timeout)),
        ("/timeouts/run", json!(""), Some(timeout)),
    ];

    check_creation("VmRestore", &a_restore(), cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_fields_of_a_restore_never_change_and_control_fields_may() {
    let frozen = Some("cannot change once a VmRestore exists: create a new VmRestore instead");
    let other_vm = json!(format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/other"
    ));
    let group = json!(format!("{SUBSCRIPTION}/resourceGroups/restores"));
    let minimal: Vec<Case> = vec![
        ("/vaultRef/name", json!("other"), frozen),
        ("/vaultRef/namespace", json!("platform"), frozen),
        ("/sourceVirtualMachineId", other_vm.clone(), frozen),
        ("/recoveryPoint", json!({}), frozen),
        ("/recoveryPoint/name", json!("20982486783671"), frozen),
        (
            "/target/storageAccountId",
            json!(storage_account("other")),
            frozen,
        ),
        ("/target/resourceGroupId", group.clone(), frozen),
        ("/runId", json!("again"), frozen),
        // the same value again, and a default written out, are no change
        ("/vaultRef/name", json!("test-vault"), None),
        ("/runId", json!(""), None),
        // control fields
        ("/startBy", json!("2026-11-22T18:00:00Z"), None),
        ("/retryLimit", json!(5), None),
        ("/timeouts/run", json!("48h"), None),
        (
            "/timeouts/run",
            json!("two days"),
            Some("timeouts.run must be a duration"),
        ),
    ];
    let mut complete = a_restore();
    for (pointer, value) in [
        ("/vaultRef/namespace", json!("platform")),
        ("/recoveryPoint/name", json!("20982486783671")),
        ("/target/resourceGroupId", group),
        ("/runId", json!("first")),
        ("/startBy", json!("2026-11-22T18:00:00Z")),
    ] {
        complete = with(complete, pointer, value);
    }
    let removals: Vec<Case> = vec![
        ("/vaultRef/namespace", Value::Null, frozen),
        ("/recoveryPoint", Value::Null, frozen),
        ("/recoveryPoint/name", Value::Null, frozen),
        ("/recoveryPoint/name", json!("1"), frozen),
        ("/target/resourceGroupId", Value::Null, frozen),
        ("/runId", Value::Null, frozen),
        ("/startBy", Value::Null, None),
        ("/retryLimit", Value::Null, None),
        ("/timeouts", Value::Null, None),
    ];

    check_update("VmRestore", &a_restore(), minimal).await;
    check_update("VmRestore", &complete, removals).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_checked_when_created() {
    let custom = |endpoints: Value| {
        with(
            with(a_vault(), "/cloud", json!("Custom")),
            "/endpoints",
            endpoints,
        )
    };
    let address = |field: &str, url: &str| custom(with(a_custom_cloud(), field, json!(url)));
    let needs_endpoints = "cloud Custom needs endpoints: set endpoints.resourceManager, endpoints.authority and endpoints.audience";
    let resource_manager = "endpoints.resourceManager must be an https URL without user and query: write for example https://management.example.com";
    let interval = "pollInterval must be a duration from 10s to 1h: write for example 60s or 5m";
    let secondary = "set apiVersions.primary to another version, for example 2024-04-01";
    let cases: Vec<Case> = vec![
        ("", a_vault(), None),
        (
            "/subscriptionId",
            Value::Null,
            Some("spec.subscriptionId: Required value"),
        ),
        (
            "/resourceGroup",
            Value::Null,
            Some("spec.resourceGroup: Required value"),
        ),
        ("/name", Value::Null, Some("spec.name: Required value")),
        ("/auth", Value::Null, Some("spec.auth: Required value")),
        (
            "/subscriptionId",
            json!("my subscription"),
            Some("subscriptionId must be a GUID: write for example"),
        ),
        (
            "/resourceGroup",
            json!("/subscriptions/x"),
            Some(
                "resourceGroup must be the name of a resource group, not its id: write for example testVaultRG",
            ),
        ),
        ("/resourceGroup", json!("Größe_(1).x"), None),
        (
            "/name",
            json!("/subscriptions/x"),
            Some("name must be the name of the vault in Azure, not its id"),
        ),
        (
            "/name",
            json!("v"),
            Some("name must be the name of the vault in Azure"),
        ),
        // clouds
        ("/cloud", json!("AzureUSGovernment"), None),
        ("/cloud", json!("AzureChina"), None),
        (
            "/cloud",
            json!("azurepublic"),
            Some(
                "supported values: \"AzurePublic\", \"AzureUSGovernment\", \"AzureChina\", \"Custom\"",
            ),
        ),
        ("/cloud", json!("Custom"), Some(needs_endpoints)),
        (
            "/endpoints",
            a_custom_cloud(),
            Some("endpoints go with cloud Custom only: remove endpoints, or set cloud to Custom"),
        ),
        ("", custom(a_custom_cloud()), None),
        (
            "",
            custom(with(a_custom_cloud(), "/authority", Value::Null)),
            Some("spec.endpoints.authority: Required value"),
        ),
        (
            "",
            address("/resourceManager", "http://127.0.0.1:8080"),
            None,
        ),
        (
            "",
            address("/resourceManager", "http://localhost:8080"),
            None,
        ),
        ("", address("/resourceManager", "http://[::1]:8080"), None),
        (
            "",
            address("/resourceManager", "https://10.0.0.1:8443/azure"),
            None,
        ),
        (
            "",
            address("/resourceManager", "http://management.example.com"),
            Some(resource_manager),
        ),
        (
            "",
            address("/resourceManager", "https://management.example.com?a=b"),
            Some(resource_manager),
        ),
        (
            "",
            address("/resourceManager", "management.example.com"),
            Some(resource_manager),
        ),
        (
            "",
            address(
                "/resourceManager",
                "https://user:word@management.example.com",
            ),
            Some(resource_manager),
        ),
        (
            "",
            address("/authority", "http://127.0.0.1:8080"),
            Some(
                "endpoints.authority must be an https URL without user and query: write for example https://login.example.com",
            ),
        ),
        (
            "",
            address("/audience", "management"),
            Some(
                "endpoints.audience must be an https URL without user and query: write for example",
            ),
        ),
        // auth
        (
            "/auth",
            json!({}),
            Some("auth needs exactly one method: set auth.servicePrincipal"),
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!("72f988bf-0000-0000-0000-000000000000"),
            None,
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!("a/b"),
            Some("tenantId must be the id or a domain of the tenant: write for example"),
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!(".."),
            Some("tenantId must be the id or a domain of the tenant: write for example"),
        ),
        (
            "/auth/servicePrincipal/clientId",
            json!("restorer"),
            Some("clientId must be the application (client) id, a GUID: write for example"),
        ),
        (
            "/auth/servicePrincipal/secretRef",
            Value::Null,
            Some("spec.auth.servicePrincipal.secretRef: Required value"),
        ),
        (
            "/auth/servicePrincipal/secretRef/name",
            Value::Null,
            Some("spec.auth.servicePrincipal.secretRef.name: Required value"),
        ),
        (
            "/auth/servicePrincipal/secretRef/key",
            json!("client.secret"),
            None,
        ),
        (
            "/auth/servicePrincipal/secretRef/key",
            json!("a/b"),
            Some("secretRef.key must be a key of a Secret"),
        ),
        // who may
        (
            "/allowedNamespaces",
            json!({"names": ["team-a", "team-b"]}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "env", "operator": "In", "values": ["test"]}]}}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {}}),
            Some(
                "allowedNamespaces.selector must ask for something: write matchLabels or matchExpressions",
            ),
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchLabels": {}, "matchExpressions": []}}),
            Some(
                "to allow every namespace write matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]",
            ),
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchExpressions": [{"key": "env", "operator": "Like"}]}}),
            Some("supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\""),
        ),
        (
            "/allowedNamespaces",
            json!({"names": vec!["a"; 101]}),
            Some("must have at most 100 items"),
        ),
        // pace and versions
        ("/pollInterval", json!("5m"), None),
        ("/pollInterval", json!("1h"), None),
        ("/pollInterval", json!("9s"), Some(interval)),
        ("/pollInterval", json!("61m"), Some(interval)),
        ("/pollInterval", json!("often"), Some(interval)),
        (
            "/apiVersions",
            json!({"vault": "2023-01-01", "primary": "2019-05-13"}),
            None,
        ),
        ("/apiVersions/primary", json!("2025-02-01-preview"), None),
        (
            "/apiVersions/vault",
            json!("latest"),
            Some("apiVersions.vault must be a date: write for example 2024-04-01"),
        ),
        (
            "/apiVersions/primary",
            json!("v1"),
            Some("apiVersions.primary must be a date: write for example 2024-04-01"),
        ),
        ("/apiVersions/primary", json!("2018-12-20"), Some(secondary)),
        ("/apiVersions/primary", json!("2021-11-15"), Some(secondary)),
        ("/apiVersions/primary", json!("2023-01-15"), Some(secondary)),
    ];

    check_creation("RecoveryServicesVault", &a_vault(), cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_object_always_means_the_same_vault() {
    let another = "create another RecoveryServicesVault object for another vault";
    let cases: Vec<Case> = vec![
        (
            "/subscriptionId",
            json!("00000000-0000-0000-0000-000000000009"),
            Some(another),
        ),
        ("/resourceGroup", json!("other"), Some(another)),
        ("/name", json!("other"), Some(another)),
        (
            "/auth/servicePrincipal/clientId",
            json!("00000000-0000-0000-0000-000000000009"),
            None,
        ),
        (
            "/auth/servicePrincipal/secretRef/name",
            json!("renewed"),
            None,
        ),
        ("/allowedNamespaces", json!({"names": ["team-a"]}), None),
        ("/pollInterval", json!("2m"), None),
        ("/apiVersions", json!({"primary": "2019-05-13"}), None),
        (
            "/endpoints/audience",
            json!("https://management.example.org"),
            None,
        ),
        (
            "/cloud",
            json!("AzurePublic"),
            Some("endpoints go with cloud Custom only"),
        ),
    ];

    check_update("RecoveryServicesVault", &an_unreachable_vault(), cases).await;
}

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
        ("VmRestore", a_restore(), "spec.target.virtualMachineId"),
        ("VmRestore", a_restore(), "spec.recoveryPoint.atOrBefore"),
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
            "Left out: Azure writes unmanaged VHD files",
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

/// The design's remaining fields fit the API server's budget for CEL, with every rule twice over and every bound
/// doubled (docs/decisions/0001-rules-in-the-schema.md has the measured room).
#[tokio::test(flavor = "multi_thread")]
async fn budget_for_rules_leaves_room_for_the_whole_design() {
    let plane = installed_control_plane().await;
    let crds: Api<CustomResourceDefinition> = Api::all(plane.client());
    let text = include_str!("fixtures/remaining-fields.yaml");
    let remaining: Value = serde_saphyr::from_str(text).unwrap();
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };

    for crd in vmrestore::api::crds() {
        let plural = crd.spec.names.plural.clone();
        let mut full = serde_json::to_value(&crd).unwrap();
        full["metadata"]["name"] = json!(format!("{plural}.full.azurebackup.dev"));
        full["spec"]["group"] = json!("full.azurebackup.dev");
        let schema = &mut full["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        extend(schema, &remaining[&plural]);
        demand_twice_as_much(&mut schema["properties"]["spec"]);

        let answer = crds
            .create(&dry_run, &serde_json::from_value(full).unwrap())
            .await;

        assert!(answer.is_ok(), "{plural}: {answer:?}");
    }
}

/// Merges objects and appends lists.
fn extend(schema: &mut Value, more: &Value) {
    match (schema, more) {
        (Value::Object(schema), Value::Object(more)) => {
            for (key, value) in more {
                match schema.get_mut(key) {
                    Some(there) => extend(there, value),
                    None => {
                        schema.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(schema), Value::Array(more)) => schema.extend(more.iter().cloned()),
        (schema, more) => *schema = more.clone(),
    }
}

fn demand_twice_as_much(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("maxLength" | "maxItems" | "maxProperties", Value::Number(bound)) => {
                        *bound = (bound.as_u64().unwrap() * 2).into();
                    }
                    ("x-kubernetes-validations", Value::Array(rules)) => {
                        rules.extend_from_within(..)
                    }
                    (_, value) => demand_twice_as_much(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(demand_twice_as_much),
        _ => {}
    }
}
