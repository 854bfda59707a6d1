//! What a caller must be allowed to do at source, target, network, storage account and Resource Guard.

use serde_json::{Value, json};

use crate::support::{Answer, Azure, SUBSCRIPTION, TEST_VM, VAULT, read};

const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";
const CLIENT: &str = "a0000000-0000-4000-8000-000000000003";
const VAULT_ACTIONS: &str = "Microsoft.RecoveryServices/*";
const GUARD: &str = "/subscriptions/00000000-0000-0000-0000-000000000007/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/guard";

fn group(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{name}")
}

fn network() -> String {
    format!(
        "{}/providers/Microsoft.Network/virtualNetworks/testNet",
        group("testRG")
    )
}

/// Gives the reader these actions, each below a scope, and uses its token.
async fn may(azure: &mut Azure, actions: &[(&str, Option<String>)]) {
    let roles: Vec<Value> = actions
        .iter()
        .map(|(action, scope)| match scope {
            Some(scope) => json!({"actions": [action], "scope": scope}),
            None => json!({"actions": [action]}),
        })
        .collect();
    azure
        .admin(
            "PUT",
            &format!("scenario/principals/{CLIENT}"),
            json!({"clientSecret": "emulated-secret-reader", "roles": roles}),
        )
        .await;
    azure.sign_in("reader").await;
}

async fn send(azure: &Azure, changes: &Value, second_token: Option<&str>) -> Answer {
    let point = azure.points(&TEST_VM).await.remove(0);
    let mut body = TEST_VM.restore_disks(&point);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let path = format!("{}/recoveryPoints/{point}/restore", TEST_VM.item());
    let mut request = azure
        .request("POST", &path)
        .header("x-ms-client-request-id", ID)
        .json(&json!({ "properties": body }));
    if let Some(token) = second_token {
        request = request.header("x-ms-authorization-auxiliary", format!("Bearer {token}"));
    }
    read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn each_type_needs_its_rights_at_what_its_body_names() {
    let mut azure = Azure::start().await;
    let account = format!(
        "{}/providers/Microsoft.Storage/storageAccounts/testAccount",
        group("testRG")
    );
    let target = format!(
        "{}/providers/Microsoft.Compute/virtualMachines/copy",
        group("restores")
    );
    let disks = json!({});
    let original = json!({"recoveryType": "OriginalLocation", "targetResourceGroupId": null});
    let alternate = json!({
        "recoveryType": "AlternateLocation", "targetVirtualMachineId": target, "virtualNetworkId": network(),
        "subnetId": format!("{}/subnets/default", network()),
    });
    let storage = ("Microsoft.Storage/storageAccounts/write", account);
    let write_group = (
        "Microsoft.Resources/subscriptions/resourceGroups/write",
        group("restores"),
    );
    let source = ("Microsoft.Compute/virtualMachines/write", TEST_VM.id());
    let machine = ("Microsoft.Compute/virtualMachines/write", group("restores"));
    let join = (
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        network(),
    );

    for (request, needed) in [
        (&disks, vec![&storage, &write_group]),
        (&original, vec![&storage, &source]),
        (&alternate, vec![&storage, &write_group, &machine, &join]),
    ] {
        for missing in 0..=needed.len() {
            let mut actions = vec![(VAULT_ACTIONS, None)];
            let given = needed.iter().enumerate();
            actions.extend(
                given
                    .filter(|(place, _)| *place != missing)
                    .map(|(_, (action, scope))| (*action, Some(scope.clone()))),
            );
            may(&mut azure, &actions).await;

            let answer = send(&azure, request, None).await;

            match needed.get(missing) {
                None => assert_eq!(answer.status, 202, "{request}: {}", answer.text),
                Some((action, _)) => {
                    assert_eq!(
                        (answer.status, answer.code()),
                        (403, "LinkedAuthorizationFailed"),
                        "{request} without {action}"
                    );
                    assert!(answer.text.contains(action), "{}", answer.text);
                }
            }
        }
    }
    let accepted = azure.ledger().await;
    let accepted = accepted.iter().filter(|entry| !entry["caused"].is_null());
    assert_eq!(accepted.count(), 3);
}

#[tokio::test]
async fn the_vaults_identity_needs_no_right_of_the_caller() {
    let mut azure = Azure::start().await;
    let scenario = azure.admin("GET", "scenario", Value::Null).await.body;
    let mut vault = scenario["vaults"][0].clone();
    vault["identity"] = json!({"systemAssigned": true});
    azure.admin("PUT", "scenario/vaults/testVault", vault).await;
    may(
        &mut azure,
        &[
            (VAULT_ACTIONS, None),
            ("Microsoft.Resources/*", Some(group("restores"))),
        ],
    )
    .await;

    let as_caller = send(&azure, &json!({}), None).await;
    let as_vault = send(
        &azure,
        &json!({"identityInfo": {"isSystemAssignedIdentity": true}}),
        None,
    )
    .await;

    assert_eq!((as_caller.status, as_vault.status), (403, 202));
}

#[tokio::test]
async fn a_guarded_vault_wants_the_guards_request() {
    let mut azure = Azure::start().await;
    guard(&azure, json!({ "id": GUARD })).await;

    let proxies = azure
        .get(&format!("{VAULT}/backupResourceGuardProxies"))
        .await;
    let proxy = &proxies.values()[0];
    let details = &proxy["properties"]["resourceGuardOperationDetails"][0];
    let request = details["defaultResourceRequest"].clone();
    let without = send(&azure, &json!({}), None).await;
    let wrong = json!({"resourceGuardOperationRequests": [format!("{GUARD}/deleteProtectedItemRequests/default")]});
    let wrong = send(&azure, &wrong, None).await;
    let right = json!({"resourceGuardOperationRequests": [request]});
    let with = send(&azure, &right, None).await;
    may(
        &mut azure,
        &[
            (VAULT_ACTIONS, None),
            ("Microsoft.Resources/*", None),
            ("Microsoft.Storage/*", None),
        ],
    )
    .await;
    let no_access = send(&azure, &right, None).await;

    assert_eq!(proxy["name"], "VaultProxy");
    assert!(
        details["vaultCriticalOperation"]
            .as_str()
            .unwrap()
            .ends_with("/recoveryPoints/restore/action")
    );
    assert_eq!(
        request,
        format!("{GUARD}/triggerRestoreRequests/default").as_str()
    );
    for refused in [without, wrong] {
        assert_eq!(
            (refused.status, refused.code()),
            (400, "BMSUserErrorInvalidInput")
        );
        assert!(refused.text.contains("Resource Guard"), "{}", refused.text);
    }
    assert_eq!(with.status, 202, "{}", with.text);
    assert_eq!(
        (no_access.status, no_access.code()),
        (403, "LinkedAuthorizationFailed")
    );
}

#[tokio::test]
async fn the_guard_of_another_tenant_wants_a_second_token() {
    const TENANT: &str = "72f98800-0000-4000-8000-000000000002";
    let azure = Azure::start().await;
    let home = azure.ready().tenant_id.clone();
    let guest = json!({"tenant": TENANT, "clientId": CLIENT, "clientSecret": "guest-secret", "roles": ["reader"]});
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"tenants": [{"id": home}, {"id": TENANT}]}),
        )
        .await;
    azure
        .admin("PUT", &format!("scenario/principals/{CLIENT}"), guest)
        .await;
    guard(&azure, json!({"id": GUARD, "tenant": TENANT})).await;
    let endpoint = azure.ready().token_endpoint.replace(&home, TENANT);
    let scope = "https%3A%2F%2Fmanagement.azure.com%2F.default";
    let token = azure
        .ask_token_for(&endpoint, CLIENT, "guest-secret", scope)
        .await;
    let token = token.body["access_token"].as_str().unwrap().to_owned();
    let request = json!({"resourceGuardOperationRequests": [format!("{GUARD}/triggerRestoreRequests/default")]});

    let without = send(&azure, &request, None).await;
    let own = send(&azure, &request, Some(&azure.token)).await;
    let with = send(&azure, &request, Some(&token)).await;
    let subscription = GUARD.split("/resourceGroups").next().unwrap();
    let foreign = azure.get(subscription).await;
    guard(&azure, json!({ "id": GUARD })).await;
    let ours = azure.get(subscription).await;

    for refused in [without, own] {
        assert_eq!(
            (refused.status, refused.code()),
            (403, "LinkedAuthorizationFailed")
        );
    }
    assert_eq!(with.status, 202, "{}", with.text);
    assert_eq!(
        (foreign.status, foreign.code()),
        (401, "InvalidAuthenticationTokenTenant"),
        "so clients know the tenant of a guard"
    );
    assert_eq!(ours.status, 200, "{}", ours.text);
}

async fn guard(azure: &Azure, guard: Value) {
    let scenario = azure.admin("GET", "scenario", Value::Null).await.body;
    let mut vault = scenario["vaults"][0].clone();
    vault["resourceGuard"] = guard;
    azure.admin("PUT", "scenario/vaults/testVault", vault).await;
}
