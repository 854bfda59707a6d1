//! What we ship is accepted by a real API server: the definitions, the roles, the Deployment, what the demo applies.

use crate::support::installed_control_plane;
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
