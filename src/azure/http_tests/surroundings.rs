use super::*;
use crate::restore::facts::Surroundings;

const ACCOUNT: &str =
    "/subscriptions/other/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/staging";
const GUARD: &str = "/subscriptions/guards/resourceGroups/g/providers/Microsoft.DataProtection/resourceGuards/guard";

fn a_proxy(guard: &str) -> Value {
    json!({"name": "VaultProxy", "properties": {
        "resourceGuardResourceId": guard,
        "resourceGuardOperationDetails": [{
            "vaultCriticalOperation": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action",
            "defaultResourceRequest": format!("{guard}/triggerRestoreRequests/default"),
        }],
    }})
}

/// Azure with a vault that says this about multi-user authorization, these proxies, and this about the guard's subscription.
async fn guarded(
    authorization: Option<&'static str>,
    proxies: (u16, Value),
    subscription: (u16, &'static str),
) -> SmallAzure {
    SmallAzure::answering(move |request| {
        if request.is("backupResourceGuardProxies") {
            return reply(proxies.0, proxies.1.clone());
        }
        if request.is("storageAccounts/staging") {
            return reply(200, json!({"location": "West US"}));
        }
        if request.is("/subscriptions/guards?") {
            let (status, code) = subscription;
            return reply(status, json!({"error": {"code": code, "message": "m"}}));
        }
        reply(
            200,
            json!({"location": "westus", "properties": {
                "securitySettings": {"multiUserAuthorization": authorization},
                "restoreSettings": {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "PermanentlyDisabled"}},
            }}),
        )
    })
    .await
}

async fn around(azure: &SmallAzure) -> Result<Surroundings, VaultError> {
    azure.vault().surroundings(&ArmId::new(ACCOUNT)).await
}

#[tokio::test]
async fn a_vault_without_a_guard_is_asked_once_in_minutes() {
    let azure = guarded(Some("Disabled"), (500, json!({})), (500, "")).await;
    let vault = azure.vault();
    let account = ArmId::new(ACCOUNT);

    for _ in 0..3 {
        let around = vault.surroundings(&account).await.unwrap();
        let expected = Surroundings {
            storage_account_region: Some("West US".to_owned()),
            cross_subscription_restore: Some("PermanentlyDisabled".to_owned()),
            ..Surroundings::default()
        };
        assert_eq!(around, expected);
    }

    assert_eq!(azure.count("backupResourceGuardProxies"), 0);
    assert_eq!(azure.count("storageAccounts"), 1);
    assert_eq!(azure.requests().len(), 2, "{:?}", azure.requests());
    azure.clock.advance(SignedDuration::from_mins(6));
    vault.surroundings(&account).await.unwrap();
    assert_eq!(azure.requests().len(), 4);
}

#[tokio::test]
async fn requests_of_a_guard_are_taken_from_the_proxies_and_kept_for_minutes() {
    let own = GUARD.replace("guards/resourceGroups", "SUB/resourceGroups");
    let proxies = json!({"value": [a_proxy(&own), a_proxy(GUARD), {"name": "odd"}]});
    for authorization in [Some("Enabled"), None] {
        let azure = guarded(
            authorization,
            (200, proxies.clone()),
            (403, "AuthorizationFailed"),
        )
        .await;
        let vault = azure.vault();

        for _ in 0..2 {
            let around = vault.surroundings(&ArmId::new(ACCOUNT)).await.unwrap();
            let expected = [&own, &GUARD.to_owned()]
                .map(|guard| format!("{guard}/triggerRestoreRequests/default"));
            assert_eq!(around.guard_requests, expected);
            assert_eq!(
                around.foreign_guard, None,
                "forbidden is not another tenant"
            );
        }

        assert_eq!(
            azure.count("backupResourceGuardProxies?api-version=2024-04-01"),
            1
        );
        assert_eq!(
            azure.count("/subscriptions/guards?api-version=2022-12-01"),
            1
        );
    }
}

#[tokio::test]
async fn a_guard_of_another_tenant_is_known_by_azures_own_word_at_once() {
    let proxies = json!({"value": [a_proxy(GUARD)]});
    let azure = guarded(
        None,
        (200, proxies),
        (401, "InvalidAuthenticationTokenTenant"),
    )
    .await;

    let around = around(&azure).await.unwrap();

    assert_eq!(around.foreign_guard, Some(ArmId::new(GUARD)));
    assert_eq!(
        azure.tokens.load(Ordering::SeqCst),
        1,
        "no other token is tried: it would be as wrong"
    );
}

#[tokio::test]
async fn what_may_not_be_read_is_not_known_and_what_cannot_be_read_is_an_error() {
    for (status, code) in [
        (403, "AuthorizationFailed"),
        (404, "ResourceNotFound"),
        (400, "Odd"),
    ] {
        let refused = json!({"error": {"code": code, "message": "m"}});
        let azure = guarded(None, (status, refused), (500, "")).await;
        assert!(
            around(&azure).await.unwrap().guard_requests.is_empty(),
            "{code}"
        );
    }
    let azure = guarded(None, (500, json!({})), (500, "")).await;
    assert_eq!(
        around(&azure).await.unwrap_err().kind,
        RefusalKind::Unavailable
    );
    let proxies = json!({"value": [a_proxy(GUARD)]});
    let azure = guarded(None, (200, proxies), (500, "InternalServerError")).await;
    assert_eq!(
        around(&azure).await.unwrap_err().kind,
        RefusalKind::Unavailable
    );
}

#[tokio::test]
async fn only_the_id_of_a_storage_account_is_asked_for() {
    let azure = guarded(Some("Disabled"), (200, json!({"value": []})), (500, "")).await;
    let vault = azure.vault();

    for id in [
        "",
        "staging",
        "/subscriptions/s/resourceGroups/g",
        "https://example.com/storageAccounts/staging",
    ] {
        let around = vault.surroundings(&ArmId::new(id)).await.unwrap();
        assert_eq!(around.storage_account_region, None, "{id}");
    }

    assert_eq!(azure.requests().len(), 1, "the vault alone");
}

#[tokio::test]
async fn another_vaults_list_tells_whether_a_restore_of_the_vm_runs_there() {
    let job = |name: &str, entity: &str, status: &str| {
        json!({"name": name, "properties": {"jobType": "AzureIaaSVMJob", "operation": "Restore",
            "entityFriendlyName": entity, "status": status, "startTime": "2026-01-01T00:00:00Z"}})
    };
    let other =
        "/subscriptions/s2/resourceGroups/g2/providers/Microsoft.RecoveryServices/vaults/other";
    let vm = ArmId::new(VM);
    let name = vm.name().to_uppercase();
    for (jobs, expected) in [
        (json!([]), None),
        (
            json!([
                job("1", &name, "Completed"),
                job("2", "another", "InProgress")
            ]),
            None,
        ),
        (
            json!([job("1", &name, "Failed"), job("3", &name, "InProgress")]),
            Some("3"),
        ),
        (json!([job("4", &name, "Cancelling")]), Some("4")),
        (json!([job("5", &name, "SomethingNew")]), Some("5")),
    ] {
        let azure = SmallAzure::answering(move |request| {
            if request.is("vaults/other/backupJobs") {
                return reply(200, json!({"value": jobs}));
            }
            reply(200, json!({"location": "westus"}))
        })
        .await;
        let vault = azure.vault();

        let running = vault.restore_in_progress_in(&ArmId::new(other), &vm).await;

        assert_eq!(
            running.unwrap().map(|job| job.to_string()).as_deref(),
            expected
        );
        let asked = azure.requests();
        let asked = asked.iter().find(|seen| seen.is("vaults/other/")).unwrap();
        assert!(asked.is("api-version=2024-04-01"), "{}", asked.target);
        assert!(
            asked.is("operation%20eq%20%27Restore%27"),
            "{}",
            asked.target
        );
        let odd = vault
            .restore_in_progress_in(&ArmId::new("/subscriptions/s"), &vm)
            .await;
        assert_eq!(odd.unwrap_err().kind, RefusalKind::BadRequest);
    }
}
