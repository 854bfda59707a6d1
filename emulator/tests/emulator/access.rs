//! Tokens, roles, and places that do not exist.

use serde_json::{Value, json};

use crate::support::{Azure, SUBSCRIPTION, TEST_VM, VAULT};

const ID: &str = "7dd28350-661f-483f-a6ef-71f6edd1b097";

#[tokio::test]
async fn both_listeners_serve_everything() {
    let azure = Azure::start().await;
    let path = format!("{VAULT}?api-version=2023-01-01");

    let plain = azure.get(&path).await;
    let secure = azure.get(&format!("{}{path}", azure.ready().https)).await;

    assert_eq!((plain.status, secure.status), (200, 200));
    assert_eq!(plain.body, secure.body);
    assert_eq!(plain.body["location"], "westus");
    assert!(
        azure
            .ready()
            .token_endpoint
            .starts_with("https://127.0.0.1:")
    );
}

#[tokio::test]
async fn wrong_credentials_get_the_directory_s_errors() {
    let azure = Azure::start().await;
    let ready = azure.ready().clone();

    let wrong_secret = azure.ask_token(&ready.client_id, "wrong").await;
    let unknown_client = azure
        .ask_token("b0000000-0000-4000-8000-000000000001", "x")
        .await;
    let elsewhere = format!(
        "{}/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token",
        ready.https
    );
    let unknown_tenant = azure
        .ask_token_for(
            &elsewhere,
            &ready.client_id,
            &ready.client_secret,
            "x%2F.default",
        )
        .await;

    assert_eq!(
        (wrong_secret.status, &wrong_secret.body["error"]),
        (401, &json!("invalid_client"))
    );
    assert_eq!(wrong_secret.body["error_codes"][0], 7_000_215);
    assert_eq!(
        (unknown_client.status, &unknown_client.body["error"]),
        (400, &json!("unauthorized_client"))
    );
    assert_eq!(unknown_tenant.status, 400);
    assert!(!wrong_secret.text.contains(&ready.client_secret));
}

#[tokio::test]
async fn openid_configuration_names_the_token_endpoint() {
    let azure = Azure::start().await;
    let ready = azure.ready();

    let answer = azure
        .get(&format!(
            "{}/{}/v2.0/.well-known/openid-configuration",
            ready.https, ready.tenant_id
        ))
        .await;

    assert_eq!(answer.body["token_endpoint"], ready.token_endpoint);
}

#[tokio::test]
async fn a_request_needs_a_token_for_this_audience() {
    let mut azure = Azure::start().await;
    let ready = azure.ready().clone();
    let for_storage = azure
        .ask_token_for(
            &ready.token_endpoint,
            &ready.client_id,
            &ready.client_secret,
            "https%3A%2F%2Fstorage.azure.com%2F.default",
        )
        .await;

    azure.token = for_storage.body["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let wrong_audience = azure.get(VAULT).await;
    azure.token = "made-up".into();
    let made_up = azure.get(VAULT).await;
    let none = azure
        .client
        .get(format!("{}{VAULT}", ready.http))
        .send()
        .await
        .unwrap();

    assert_eq!(
        (wrong_audience.status, wrong_audience.code()),
        (401, "InvalidAuthenticationTokenAudience")
    );
    assert_eq!(
        (made_up.status, made_up.code()),
        (401, "InvalidAuthenticationToken")
    );
    assert!(
        made_up
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer authorization_uri=")
    );
    assert_eq!(none.status(), 401);
}

#[tokio::test]
async fn tokens_expire_and_can_be_revoked() {
    let mut azure = Azure::start().await;
    let tenant = azure.ready().tenant_id.clone();
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"tenants": [{"id": tenant, "tokenLifetime": "0s"}]}),
        )
        .await;

    azure.sign_in("everything").await;
    let expired = azure.get(VAULT).await;
    azure
        .admin("PATCH", "scenario", json!({"tenants": [{"id": tenant}]}))
        .await;
    azure.sign_in("everything").await;
    azure.admin("DELETE", "tokens", Value::Null).await;
    let revoked = azure.get(VAULT).await;

    assert_eq!(
        (expired.status, expired.code()),
        (401, "ExpiredAuthenticationToken")
    );
    assert_eq!(
        (revoked.status, revoked.code()),
        (401, "InvalidAuthenticationToken")
    );
}

#[tokio::test]
async fn roles_decide_and_can_be_given_later() {
    let mut azure = Azure::start().await;

    azure.sign_in("nobody").await;
    let nobody = azure.get(VAULT).await;
    azure.sign_in("reader").await;
    let reads = azure.get(VAULT).await.status;
    let refused = azure.restore(&TEST_VM, ID).await;
    let reader = json!({"clientSecret": "emulated-secret-reader", "roles": ["backupOperator", "restoreContributor"]});
    azure
        .admin(
            "PUT",
            "scenario/principals/a0000000-0000-4000-8000-000000000003",
            reader,
        )
        .await;
    let healed = azure.restore(&TEST_VM, ID).await;

    assert_eq!((nobody.status, nobody.code()), (403, "AuthorizationFailed"));
    assert!(
        nobody
            .text
            .contains("Microsoft.RecoveryServices/vaults/read"),
        "{}",
        nobody.text
    );
    assert_eq!(reads, 200);
    assert_eq!(
        (refused.status, refused.code()),
        (403, "AuthorizationFailed")
    );
    assert!(refused.text.contains("recoveryPoints/restore/action"));
    assert_eq!(healed.status, 202);
}

#[tokio::test]
async fn a_role_at_one_vault_says_nothing_about_another() {
    let mut azure = Azure::start().await;

    azure.sign_in("operator of one vault").await;

    assert_eq!(azure.get(VAULT).await.status, 200);
    let other = VAULT
        .replace("testVaultRG", "platformRG")
        .replace("testVault", "platformVault");
    assert_eq!(azure.get(&other).await.status, 403);
}

#[tokio::test]
async fn a_changed_secret_counts_at_once() {
    let azure = Azure::start().await;
    let id = azure.ready().client_id.clone();
    let changed = json!({"clientSecret": "rotated", "roles": ["owner"]});

    azure
        .admin("PUT", &format!("scenario/principals/{id}"), changed)
        .await;

    assert_eq!(
        azure
            .ask_token(&id, "emulated-secret-everything")
            .await
            .status,
        401
    );
    assert_eq!(azure.ask_token(&id, "rotated").await.status, 200);
}

#[tokio::test]
async fn what_does_not_exist_is_404_in_azure_s_words() {
    let azure = Azure::start().await;
    let cases = [
        (
            "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.RecoveryServices/vaults",
            "SubscriptionNotFound",
        ),
        (
            &VAULT.replace("testVaultRG", "other"),
            "ResourceGroupNotFound",
        ),
        (
            &VAULT
                .replace("/testVault", "/other")
                .replace("/otherRG", "/testVaultRG"),
            "ResourceNotFound",
        ),
        (
            &TEST_VM.item().replace("testVM", "other"),
            "ResourceNotFound",
        ),
        (
            &format!("{}/recoveryPoints/1", TEST_VM.item()),
            "ResourceNotFound",
        ),
        (&format!("{VAULT}/backupJobs/1"), "ResourceNotFound"),
        (&format!("{VAULT}/backupOperations/1"), "ResourceNotFound"),
        (&format!("{VAULT}/somethingElse"), "ResourceNotFound"),
        (
            &format!(
                "{SUBSCRIPTION}/resourcegroups/testRG/providers/Microsoft.ClassicStorage/storageAccounts//testAccount"
            ),
            "ResourceNotFound",
        ),
    ];

    for (path, code) in cases {
        let answer = azure.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, code), "{path}");
    }
}

#[tokio::test]
async fn neighbours_of_a_vault_can_be_read() {
    let azure = Azure::start().await;

    let account = azure
        .get(&format!("{SUBSCRIPTION}/resourcegroups/TESTRG/providers/Microsoft.Storage/storageAccounts//testaccount"))
        .await;
    let network = azure
        .get(&format!("{SUBSCRIPTION}/resourcegroups/testRG/providers/Microsoft.Network/virtualNetworks//testNet"))
        .await;
    let machine = |name: &str| {
        format!(
            "{SUBSCRIPTION}/resourcegroups/TESTRG/providers/Microsoft.Compute/virtualMachines/{name}"
        )
    };
    let protected = azure.get(&machine("TESTVM")).await;
    let other = azure.get(&machine("other")).await;
    let subscriptions = azure.get("/subscriptions").await;
    let vaults = azure
        .get(&format!(
            "{SUBSCRIPTION}/providers/Microsoft.RecoveryServices/vaults"
        ))
        .await;

    let clean = format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount"
    );
    assert_eq!(account.body["id"], clean);
    assert_eq!(network.body["properties"]["subnets"][0]["name"], "default");
    assert_eq!(protected.body["name"], "testVM");
    assert_eq!((other.status, other.code()), (404, "ResourceNotFound"));
    assert_eq!(subscriptions.values().len(), 1);
    assert_eq!(vaults.values().len(), 3);
    for part in [
        "backupResourceGuardProxies",
        "backupEncryptionConfigs/backupResourceEncryptionConfig",
        "backupstorageconfig/vaultstorageconfig",
    ] {
        assert_eq!(
            azure.get(&format!("{VAULT}/{part}")).await.status,
            200,
            "{part}"
        );
    }
}
