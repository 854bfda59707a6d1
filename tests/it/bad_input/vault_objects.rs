//! The vault object, its permission, its endpoints and its Secret.

use super::{SCALE, a_quick_vm, goes_on_within_a_minute, point, stands_still, world};
use crate::support::objects::{a_reader_binding, a_restore, a_secret};
use crate::support::reading::{condition, phase, reason};
use crate::support::world::World;
use serde_json::{Value, json};

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
    let said = |vault: &Value| reason(vault) == "SecretNotFound";
    let vault = world
        .until_object("RecoveryServicesVault", "secretless", "to say so", said)
        .await;
    assert_eq!(condition(&vault, "Stalled").unwrap()["status"], "True");
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
