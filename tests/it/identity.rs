//! One intended run is one job, whatever happens to the objects that describe it.

use crate::support::scene::Scene;

const TIME_SCALE: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn restore_applied_before_its_vault_and_again_later_finds_its_own_job() {
    let scene = Scene::start(TIME_SCALE).await;
    let kubectl = async |args: &[&str]| {
        scene
            .plane
            .kubectl_ok(&[args, &["-n", &scene.namespace]].concat())
            .await
            .unwrap()
    };

    kubectl(&["delete", "rsv", "test-vault"]).await;
    scene.restore("early", "testRG/testVM").await;
    scene
        .status_when("early", "to miss its vault", |status| {
            status["conditions"][0]["reason"] == "VaultNotFound"
        })
        .await;
    scene.apply(&scene.vault()).await;
    let first = scene.finished("early").await;
    kubectl(&["delete", "vmr", "early", "--timeout=60s"]).await;
    scene.restore("early", "testRG/testVM").await;
    let second = scene.finished("early").await;

    let accepted = scene.emulator.accepted_restores().await.unwrap();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!(first["runKey"], second["runKey"]);
    assert_eq!(second["phase"], "Succeeded", "{second}");
    assert_eq!(second["job"]["id"], first["job"]["id"]);
}
