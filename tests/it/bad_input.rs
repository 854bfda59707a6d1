//! What a user did wrong: said with object, field and remedy, never a trigger, and once it is mended the restore goes on by
//! itself within a minute of the controller's clock.

use crate::support::installed_control_plane;
use crate::support::objects::{Restore, a_reader_binding, a_restore, a_secret};
use crate::support::reading::{follows_the_table, message, phase, reason};
use crate::support::world::{Stage, World};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Slow enough that a minute of the controller's clock is long for a busy machine.
const SCALE: u32 = 10;

struct Shared {
    stage: Arc<Stage>,
    /// A namespace whose Secrets the controller may read, and one where it may not.
    platform: String,
    unbound: String,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

async fn world() -> (World, &'static Shared) {
    let shared = SHARED
        .get_or_init(async || {
            let plane = installed_control_plane().await;
            let platform = plane.namespace("bad-platform").await.unwrap();
            let unbound = plane.namespace("bad-unbound").await.unwrap();
            let world = World::builder("bad")
                .scale(SCALE)
                .also(&[&platform, &unbound]);
            let world = world.start().await;
            world.apply(&a_reader_binding(&platform)).await;
            Shared {
                stage: world.stage,
                platform,
                unbound,
            }
        })
        .await;
    (World::of(shared.stage.clone()), shared)
}

/// Adds a VM that is there but has no points yet, or with these.
async fn a_quick_vm(world: &World, name: &str, points: Value) {
    let vm = json!({"name": name, "resourceGroup": "testRG", "recoveryPoints": points, "restore": {"duration": "20s"}});
    world.azure.put_vm(vm).await;
}

/// Applies the restore and waits until it says `wanted`, with these words, and a Warning; nothing was sent to Azure.
async fn stands_still(world: &World, restore: &Restore, wanted: &str, words: &[&str]) {
    world.apply(restore.json()).await;
    let object = world.with_reason(restore.name(), wanted).await;

    assert_eq!(phase(&object), "Blocked", "{object:#}");
    follows_the_table(&object);
    for word in words {
        assert!(
            message(&object).contains(word),
            "{word} is not in: {}",
            message(&object)
        );
    }
    let warning = ("Warning".to_owned(), wanted.to_owned());
    let told = async || {
        world
            .events(restore.name())
            .await
            .contains(&warning)
            .then_some(())
    };
    crate::support::eventually("the event", 10, told).await;
    assert!(
        jobs(world, restore).await.is_empty(),
        "something was started"
    );
}

async fn jobs(world: &World, restore: &Restore) -> Vec<String> {
    let vm = restore.json()["spec"]["sourceVirtualMachineId"]
        .as_str()
        .unwrap();
    world.azure.jobs(vm.rsplit('/').next().unwrap()).await
}

/// Waits until the restore goes on after what was wrong was mended just now, and to its end.
async fn goes_on_within_a_minute(world: &World, restore: &Restore, wrong: &str) {
    let mended = world.now();
    let moved = |object: &Value| reason(object) != wrong;
    world.until(restore.name(), "to go on", moved).await;
    let waited = world.now().duration_since(mended);
    // Two seconds of real time for the machine, which runs other tests.
    let slack = SignedDuration::from_secs(2) * i32::try_from(SCALE).unwrap();
    assert!(
        waited <= SignedDuration::from_secs(60) + slack,
        "{waited:#}"
    );

    let ended = world.ended(restore.name()).await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(jobs(world, restore).await.len(), 1);
}

const POINT: &str = r#"[{"name": "1", "age": "8h"}]"#;

fn point() -> Value {
    serde_json::from_str(POINT).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_object_that_does_not_exist() {
    let (world, _) = world().await;
    a_quick_vm(&world, "missing-vault", point()).await;
    let restore = a_restore("missing-vault", "testRG/missing-vault").of_vault("later");

    stands_still(
        &world,
        &restore,
        "VaultNotFound",
        &["later", "spec.vaultRef", "create it"],
    )
    .await;
    let secret = &world.stage.emulator.ready().client_secret;
    world.add_vault(&world.vault("later"), secret).await;

    goes_on_within_a_minute(&world, &restore, "VaultNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_does_not_allow_the_namespace_until_its_owner_names_it() {
    let (world, shared) = world().await;
    a_quick_vm(&world, "not-named", point()).await;
    let mut vault = world.vault("named").json().clone();
    vault["metadata"]["namespace"] = json!(shared.platform);
    vault["spec"]["allowedNamespaces"] = json!({"names": ["somebody-else"]});
    let mut secret = a_secret(
        "named-credentials",
        "clientSecret",
        &world.stage.emulator.ready().client_secret,
    );
    secret["metadata"]["namespace"] = json!(shared.platform);
    world.apply(&secret).await;
    world.apply(&vault).await;
    let restore = a_restore("not-named", "testRG/not-named")
        .of_vault("named")
        .with("vaultRef.namespace", shared.platform.as_str());

    let words = ["named", world.namespace(), "spec.allowedNamespaces"];
    stands_still(&world, &restore, "VaultNotAllowed", &words).await;
    vault["spec"]["allowedNamespaces"] = json!({"names": [world.namespace()]});
    world.apply(&vault).await;

    goes_on_within_a_minute(&world, &restore, "VaultNotAllowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_does_not_allow_the_namespace_until_it_has_the_label() {
    let (world, shared) = world().await;
    a_quick_vm(&world, "not-labelled", point()).await;
    let mut vault = world.vault("labelled").json().clone();
    vault["metadata"]["namespace"] = json!(shared.platform);
    vault["spec"]["allowedNamespaces"] =
        json!({"selector": {"matchLabels": {"restores": "allowed"}}});
    let mut secret = a_secret(
        "labelled-credentials",
        "clientSecret",
        &world.stage.emulator.ready().client_secret,
    );
    secret["metadata"]["namespace"] = json!(shared.platform);
    world.apply(&secret).await;
    world.apply(&vault).await;
    let restore = a_restore("not-labelled", "testRG/not-labelled")
        .of_vault("labelled")
        .with("vaultRef.namespace", shared.platform.as_str());

    stands_still(
        &world,
        &restore,
        "VaultNotAllowed",
        &["spec.allowedNamespaces.selector"],
    )
    .await;
    let label = json!({"metadata": {"labels": {"restores": "allowed"}}});
    world.patch("Namespace", world.namespace(), label).await;

    goes_on_within_a_minute(&world, &restore, "VaultNotAllowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_does_not_exist() {
    let (world, _) = world().await;
    a_quick_vm(&world, "no-secret", point()).await;
    world.apply(world.vault("secretless").json()).await;
    let restore = a_restore("no-secret", "testRG/no-secret").of_vault("secretless");

    let words = [
        "secretless-credentials",
        "secretRef.name",
        "create it",
        "clientSecret",
    ];
    stands_still(&world, &restore, "SecretNotFound", &words).await;
    let secret = &world.stage.emulator.ready().client_secret;
    world
        .apply(&a_secret("secretless-credentials", "clientSecret", secret))
        .await;

    goes_on_within_a_minute(&world, &restore, "SecretNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_with_another_key() {
    let (world, _) = world().await;
    a_quick_vm(&world, "other-key", point()).await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world
        .apply(&a_secret("other-key-credentials", "password", &secret))
        .await;
    world.apply(world.vault("other-key").json()).await;
    let restore = a_restore("other-key", "testRG/other-key").of_vault("other-key");

    let words = ["other-key-credentials", "key clientSecret", "secretRef.key"];
    stands_still(&world, &restore, "SecretKeyMissing", &words).await;
    let vault = world
        .vault("other-key")
        .with("auth.servicePrincipal.secretRef.key", "password");
    world.apply(vault.json()).await;

    goes_on_within_a_minute(&world, &restore, "SecretKeyMissing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_azure_does_not_accept() {
    let (world, _) = world().await;
    a_quick_vm(&world, "wrong-secret", point()).await;
    let vault = world.vault("wrong-secret").by_principal(2);
    world.add_vault(&vault, "not-the-secret").await;
    let restore = a_restore("wrong-secret", "testRG/wrong-secret").of_vault("wrong-secret");

    stands_still(&world, &restore, "AuthenticationFailed", &[]).await;
    world.add_vault(&vault, "emulated-secret-operator").await;

    goes_on_within_a_minute(&world, &restore, "AuthenticationFailed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_the_controller_may_not_read() {
    let (world, shared) = world().await;
    a_quick_vm(&world, "unbound", point()).await;
    let mut vault = world.vault("unbound").json().clone();
    vault["metadata"]["namespace"] = json!(shared.unbound);
    vault["spec"]["allowedNamespaces"] = json!({"names": [world.namespace()]});
    let mut secret = a_secret(
        "unbound-credentials",
        "clientSecret",
        &world.stage.emulator.ready().client_secret,
    );
    secret["metadata"]["namespace"] = json!(shared.unbound);
    world.apply(&secret).await;
    world.apply(&vault).await;
    let restore = a_restore("unbound", "testRG/unbound")
        .of_vault("unbound")
        .with("vaultRef.namespace", shared.unbound.as_str());

    let words = [
        "unbound-credentials",
        "vmrestore-credentials-reader",
        &shared.unbound,
    ];
    stands_still(&world, &restore, "PermissionDenied", &words).await;
    world.apply(&a_reader_binding(&shared.unbound)).await;

    goes_on_within_a_minute(&world, &restore, "PermissionDenied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_that_may_not_even_read_the_vault() {
    let (world, _) = world().await;
    a_quick_vm(&world, "no-role", point()).await;
    let vault = world.vault("nobody").by_principal(4);
    world.add_vault(&vault, "emulated-secret-nobody").await;
    let restore = a_restore("no-role", "testRG/no-role").of_vault("nobody");

    stands_still(
        &world,
        &restore,
        "PermissionDenied",
        &["AuthorizationFailed"],
    )
    .await;
    assert!(world.azure.posts("no-role").await.is_empty());
    give_role(&world, 4, "nobody").await;

    goes_on_within_a_minute(&world, &restore, "PermissionDenied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_that_may_read_but_not_restore() {
    let (world, _) = world().await;
    a_quick_vm(&world, "reader", point()).await;
    let vault = world.vault("reader").by_principal(3);
    world.add_vault(&vault, "emulated-secret-reader").await;
    let restore = a_restore("reader", "testRG/reader").of_vault("reader");

    world.apply(restore.json()).await;
    let object = world.with_reason("reader", "PermissionDenied").await;
    follows_the_table(&object);
    assert!(jobs(&world, &restore).await.is_empty());
    give_role(&world, 3, "reader").await;

    goes_on_within_a_minute(&world, &restore, "PermissionDenied").await;
}

async fn give_role(world: &World, digit: u8, name: &str) {
    let id = format!("a0000000-0000-4000-8000-00000000000{digit}");
    let body = json!({"name": name, "clientId": id, "clientSecret": format!("emulated-secret-{name}"), "roles": ["backupOperator"]});
    world
        .azure
        .put(&format!("scenario/principals/{id}"), body)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_azure_does_not_have() {
    let (world, _) = world().await;
    let vault = world.vault("not-there").with("name", "notThere");
    world
        .add_vault(&vault, &world.stage.emulator.ready().client_secret)
        .await;
    let restore = a_restore("no-azure-vault", "testRG/there-later").of_vault("not-there");

    stands_still(&world, &restore, "AzureVaultNotFound", &["notThere"]).await;
    let vm = json!({"name": "there-later", "resourceGroup": "testRG", "recoveryPoints": point(), "restore": {"duration": "20s"}});
    let vault = json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "testVaultRG", "name": "notThere",
        "region": "westus", "redundancy": "GeoRedundant", "virtualMachines": [vm],
    });
    world.azure.put("scenario/vaults/notThere", vault).await;

    goes_on_within_a_minute(&world, &restore, "AzureVaultNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_that_the_vault_does_not_protect() {
    let (world, _) = world().await;
    let restore = a_restore("unprotected", "testRG/unprotected");

    let words = [
        "testVault",
        "testRG/providers/Microsoft.Compute/virtualMachines/unprotected",
        "spec.sourceVirtualMachineId",
    ];
    stands_still(&world, &restore, "VirtualMachineNotProtected", &words).await;
    a_quick_vm(&world, "unprotected", point()).await;

    goes_on_within_a_minute(&world, &restore, "VirtualMachineNotProtected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_without_a_recovery_point() {
    let (world, _) = world().await;
    a_quick_vm(&world, "pointless", json!([])).await;
    let restore = a_restore("pointless", "testRG/pointless");

    stands_still(
        &world,
        &restore,
        "NoRecoveryPoint",
        &["pointless", "first backup"],
    )
    .await;
    a_quick_vm(&world, "pointless", point()).await;

    goes_on_within_a_minute(&world, &restore, "NoRecoveryPoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_whose_recovery_points_are_all_unusable() {
    let (world, _) = world().await;
    let points = json!([
        {"name": "1", "age": "8h", "softDeleted": true},
        {"name": "2", "age": "9h", "tiers": [{"type": "InstantRP", "status": "Deleted"}]},
        {"name": "3", "age": "900h", "tiers": ["ArchivedRP"]},
    ]);
    a_quick_vm(&world, "unusable", points).await;
    let restore = a_restore("unusable", "testRG/unusable");

    let words = [
        "3 recovery points",
        "soft-deleted",
        "archive",
        "next backup",
    ];
    stands_still(&world, &restore, "NoRecoveryPoint", &words).await;
    a_quick_vm(&world, "unusable", point()).await;

    goes_on_within_a_minute(&world, &restore, "NoRecoveryPoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_recovery_point_that_does_not_exist() {
    let (world, _) = world().await;
    a_quick_vm(&world, "absent-point", point()).await;
    let restore =
        a_restore("absent-point", "testRG/absent-point").with("recoveryPoint.name", "404");

    let words = [
        "absent-point",
        "404",
        "spec.recoveryPoint.name",
        "create a new VmRestore",
    ];
    stands_still(&world, &restore, "RecoveryPointNotFound", &words).await;
    a_quick_vm(
        &world,
        "absent-point",
        json!([{"name": "404", "age": "8h"}]),
    )
    .await;

    goes_on_within_a_minute(&world, &restore, "RecoveryPointNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_recovery_point_that_cannot_be_restored_from() {
    let (world, _) = world().await;
    a_quick_vm(
        &world,
        "deleted-point",
        json!([{"name": "7", "age": "8h", "softDeleted": true}]),
    )
    .await;
    let restore =
        a_restore("deleted-point", "testRG/deleted-point").with("recoveryPoint.name", "7");

    let words = [
        "deleted-point",
        "7",
        "spec.recoveryPoint.name",
        "soft-deleted",
    ];
    stands_still(&world, &restore, "RecoveryPointUnusable", &words).await;
    a_quick_vm(&world, "deleted-point", json!([{"name": "7", "age": "8h"}])).await;

    goes_on_within_a_minute(&world, &restore, "RecoveryPointUnusable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_loses_its_secret_while_a_job_runs_goes_on_with_that_job() {
    let (world, _) = world().await;
    let vm = json!({"name": "edited", "resourceGroup": "testRG", "recoveryPoints": point(), "restore": {"duration": "2m"}});
    world.azure.put_vm(vm).await;
    let secret = &world.stage.emulator.ready().client_secret;
    world.add_vault(&world.vault("edited"), secret).await;
    let restore = a_restore("edited", "testRG/edited").of_vault("edited");
    world.apply(restore.json()).await;
    world.with_reason("edited", "JobRunning").await;

    let edited = world
        .vault("edited")
        .with("auth.servicePrincipal.secretRef.name", "nowhere");
    world.apply(edited.json()).await;
    let object = world.with_reason("edited", "SecretNotFound").await;
    assert_eq!(phase(&object), "Running", "the job goes on: {object:#}");
    world.apply(world.vault("edited").json()).await;

    goes_on_within_a_minute(&world, &restore, "SecretNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn host_that_is_not_allowed_gets_no_credential() {
    let world = World::builder("host")
        .scale(SCALE)
        .without_vault()
        .start()
        .await;
    world.apply(&a_reader_binding(world.namespace())).await;
    // The emulator by another name: it would answer.
    let other_name = world
        .stage
        .emulator
        .ready()
        .https
        .replace("127.0.0.1", "localhost");
    let vault = world.vault("vault").with("endpoints.authority", other_name);
    world
        .add_vault(&vault, &world.stage.emulator.ready().client_secret)
        .await;
    let restore = a_restore("host", "web/web-1");

    stands_still(
        &world,
        &restore,
        "EndpointNotAllowed",
        &["vault", "localhost", "--allow-azure-host"],
    )
    .await;
    assert_eq!(world.azure.count("GetToken").await, 0);
    world.apply(world.vault("vault").json()).await;

    goes_on_within_a_minute(&world, &restore, "EndpointNotAllowed").await;
}
