//! What we ship is accepted by a real API server: the definitions, the roles, the Deployment, what the demo applies. The
//! examples of restores also restore.

use crate::support::installed_control_plane;
use crate::support::objects::SUBSCRIPTION;
use crate::support::reading::{phase, text};
use crate::support::world::World;
use serde_json::{Value, json};
use std::path::PathBuf;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_accepts_what_is_deployed() {
    let plane = installed_control_plane().await;

    for name in ["namespace.yaml", "rbac.yaml", "controller.yaml"] {
        let path = testbed::repository()
            .join("deploy")
            .join(name)
            .display()
            .to_string();
        let applied = plane
            .kubectl_ok(&[
                "apply",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                &path,
            ])
            .await;
        assert!(applied.is_ok(), "{name}: {applied:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_accepts_what_the_demo_applies() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("examples").await.unwrap();
    let mut examples: Vec<PathBuf> = std::fs::read_dir(testbed::repository().join("examples/demo"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    examples.sort();
    assert!(examples.len() >= 4, "{examples:?}");

    for example in examples {
        let text = std::fs::read_to_string(&example).unwrap();
        let filled = text
            .replace("${HTTPS}", "https://127.0.0.1:8443")
            .replace("${CLIENT_SECRET}", "secret")
            .replace("${SUBSCRIPTION_ID}", "00000000-0000-0000-0000-000000000000")
            .replace("${TENANT_ID}", "00000000-0000-0000-0000-000000000000")
            .replace("${CLIENT_ID}", "00000000-0000-0000-0000-000000000000");
        let file = plane
            .supervisor()
            .folder()
            .join(example.file_name().unwrap());
        std::fs::write(&file, filled).unwrap();
        let path = file.display().to_string();
        let args = [
            "apply",
            "-n",
            &namespace,
            "--dry-run=server",
            "--validate=strict",
            "-f",
            &path,
        ];
        let applied = plane.kubectl_ok(&args).await;
        assert!(applied.is_ok(), "{}: {applied:?}", example.display());
    }
}

/// The `VmRestore` of each example, with the vault object of the test's world, in the order of their names.
fn example_restores() -> Vec<Value> {
    let folder = testbed::repository().join("examples");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    let mut restores = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        restores.extend(
            documents
                .into_iter()
                .filter(|one| one["kind"] == "VmRestore"),
        );
    }
    for restore in &mut restores {
        restore["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("namespace");
        restore["spec"]["vaultRef"] = json!({"name": "vault"});
    }
    restores
}

/// The machine of the examples, with a point of the name that they use.
async fn put_web_1(world: &World, tiers: Value) {
    let point = json!({"name": "20982486783671", "age": "8h", "tiers": tiers});
    let vm = json!({"name": "web-1", "resourceGroup": "web", "dataDisks": 3, "recoveryPoints": [point],
        "restore": {"duration": "20s"}});
    world.azure.put_vm(vm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_restore_restores() {
    let world = World::start("run-examples").await;
    let scenario = world
        .azure
        .ask(reqwest::Method::GET, "scenario", None)
        .await;
    let with = |list: &str, more: Value| {
        let mut all = scenario[list].as_array().cloned().unwrap_or_default();
        all.push(more);
        all
    };
    let account = format!(
        "{SUBSCRIPTION}/resourceGroups/restores/providers/Microsoft.Storage/storageAccounts/restorestaging"
    );
    let network = json!({
        "id": format!("{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/restores"),
        "location": "westus", "subnets": ["default"],
    });
    let more = json!({
        "storageAccounts": with("storageAccounts", json!(account)),
        "virtualNetworks": with("virtualNetworks", network),
    });
    world.azure.patch(more).await;
    // One of them reaches the account as the vault.
    world.azure.give_vault_identity().await;
    world.azure.rehydrate_within("2m").await;
    put_web_1(&world, json!(["HardenedRP"])).await;
    let (archived, mut restores): (Vec<Value>, Vec<Value>) = example_restores()
        .into_iter()
        .partition(|restore| restore["spec"]["target"]["rehydrate"].is_object());
    assert!(restores.len() >= 7 && archived.len() == 1);
    for restore in &mut restores {
        // The example's times lie in a future that this Azure does not have.
        if restore["spec"]["recoveryPoint"]["atOrBefore"].is_string() {
            let wish = &mut restore["spec"]["recoveryPoint"];
            wish["atOrBefore"] = json!(world.now().to_string());
            wish["notBefore"] =
                json!((world.now() - jiff::SignedDuration::from_hours(48)).to_string());
        }
    }

    ended(&world, &restores).await;
    put_web_1(&world, json!(["ArchivedRP"])).await;
    ended(&world, &archived).await;

    let mut types: Vec<&str> = restores
        .iter()
        .filter_map(|restore| restore["spec"]["recoveryType"].as_str())
        .collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(
        types,
        ["AlternateLocation", "OriginalLocation", "RestoreDisks"]
    );
    let posts = world.azure.posts("web-1").await.len();
    assert_eq!(posts, restores.len() + archived.len());
}

/// Applies all of them, and sees each succeed.
async fn ended(world: &World, restores: &[Value]) {
    for restore in restores {
        world.apply(restore).await;
    }
    for restore in restores {
        let name = restore["metadata"]["name"].as_str().unwrap();
        let ended = world.ended(name).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert!(!text(&ended, "/job/id").is_empty(), "{ended:#}");
    }
}
