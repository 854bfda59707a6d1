//! The controller as a process: how it starts, what it says when it cannot, and how it ends.

use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{phase, reason, text};
use crate::support::world::World;
use crate::support::{eventually, installed_control_plane};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use testbed::ControlPlane;

/// How a command of the controller ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// One line for a person besides the log, and no trace of a panic.
    fn complaint(&self) -> String {
        assert!(
            !self.err.contains("panicked") && !self.err.contains("backtrace"),
            "{}",
            self.err
        );
        let mut lines = self
            .err
            .lines()
            .filter(|line| line.starts_with("vmrestore-controller: "));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no complaint in: {}", self.err));
        assert_eq!(
            self.err.lines().last(),
            Some(line),
            "it is the last line: {}",
            self.err
        );
        assert!(lines.next().is_none(), "{}", self.err);
        line.to_owned()
    }
}

async fn controller(args: &[&str]) -> Ended {
    let program = testbed::find_binary("vmrestore-controller").unwrap();
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nowhere")
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    let output = output.expect("it ends by itself").unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `run` with this kubeconfig and a free port.
async fn run(kubeconfig: &Path, more: &[&str]) -> Ended {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let mut args = vec!["run", "--listen=127.0.0.1:0", &kubeconfig];
    args.extend(more);
    controller(&args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_the_pass_that_triggers_and_exits_with_0() {
    let mut world = World::start("sigterm").await;
    world
        .azure
        .put_vm(a_vm("sigterm", json!({"duration": "2m"})))
        .await;
    // A real second, within the time that a trigger may take on the scaled clock.
    world
        .azure
        .once(
            "TriggerRestore",
            json!({"when": "afterEffect", "delay": "PT60S"}),
        )
        .await;
    world
        .apply(a_restore("sigterm", "testRG/sigterm").json())
        .await;
    let made = async || world.azure.jobs("sigterm").await.pop();
    eventually("the trigger to be under way", 45, made).await;

    let start = Instant::now();
    let exit = world.controller().stop().await.unwrap();

    assert!(exit.success(), "{exit}");
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    let object = world.get("VmRestore", "sigterm").await.unwrap();
    let operation = world.azure.posts("sigterm").await[0]["caused"]["operationId"].clone();
    assert_eq!(
        text(&object, "/attempts/0/operationId"),
        operation,
        "the answer is written down: {object:#}"
    );

    world.controller().restart().await.unwrap();
    let ended = world.ended("sigterm").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("sigterm").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_definition_is_one_line_with_the_command_that_installs_it() {
    let plane = ControlPlane::start().await.unwrap();

    let ended = run(plane.kubeconfig(), &[]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let complaint = ended.complaint();
    assert!(complaint.contains("azurebackup.dev"), "{complaint}");
    assert!(
        complaint.contains("vmrestore-controller crds | kubectl apply"),
        "{complaint}"
    );
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_rights_is_one_line_with_the_roles_to_apply() {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace("rightless").await.unwrap();
    let kubeconfig = plane
        .kubeconfig_for_service_account(&namespace, "rightless")
        .await
        .unwrap();

    let ended = run(&kubeconfig, &[]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let complaint = ended.complaint();
    assert!(
        complaint.contains("403") && complaint.contains("deploy/rbac.yaml"),
        "{complaint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_that_does_not_answer_is_one_line_with_its_address() {
    let plane = installed_control_plane().await;
    let kubeconfig = std::fs::read_to_string(plane.kubeconfig()).unwrap();
    // Port 1 of the loopback interface refuses connections.
    let elsewhere = kubeconfig.replace(plane.url(), "https://127.0.0.1:1");
    let file = plane.supervisor().folder().join("elsewhere.kubeconfig");
    std::fs::write(&file, elsewhere).unwrap();

    let ended = run(&file, &[]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let complaint = ended.complaint();
    assert!(
        complaint.contains("cannot reach the API server https://127.0.0.1:1"),
        "{complaint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kubeconfig_that_is_absent_or_garbage_is_one_line() {
    let plane = installed_control_plane().await;
    let garbage = plane.supervisor().folder().join("garbage.kubeconfig");
    std::fs::write(&garbage, "clusters: 7").unwrap();

    for file in [Path::new("/nowhere/kubeconfig"), &garbage] {
        let ended = run(file, &[]).await;

        assert_eq!(ended.code, Some(1), "{}", ended.err);
        let complaint = ended.complaint();
        assert!(complaint.contains("--kubeconfig"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_flags_are_refused_before_anything_is_done() {
    let wrong: [&[&str]; 5] = [
        &["run", "--no-such-flag"],
        &["run", "--adoption-window=9m"],
        &["run", "--concurrency=0"],
        &["run", "--allow-azure-host=https://x/y"],
        &["walk"],
    ];
    for args in wrong {
        let ended = controller(args).await;

        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.err);
        assert!(ended.err.starts_with("error: "), "{args:?}: {}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_time_is_refused_where_a_vault_is_of_a_real_cloud() {
    let world = World::start("scaled").await;
    let mut vault = world
        .vault("real")
        .with("cloud", "AzurePublic")
        .json()
        .clone();
    vault["spec"].as_object_mut().unwrap().remove("endpoints");
    world.apply(&vault).await;
    world
        .apply(a_restore("real", "web/web-1").of_vault("real").json())
        .await;

    // The controller that runs already does not touch it.
    let object = world.with_reason("real", "EndpointNotAllowed").await;
    assert!(
        text(&object, "/message").contains("--time-scale"),
        "{object:#}"
    );

    let namespace = format!("--namespace={}", world.namespace());
    let ended = run(
        world.stage.plane.kubeconfig(),
        &["--time-scale=60", &namespace],
    )
    .await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let complaint = ended.complaint();
    let named = format!("{}/real", world.namespace());
    assert!(
        complaint.contains("--time-scale") && complaint.contains(&named),
        "{complaint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_are_served() {
    let world = World::start("admin").await;
    let address = world.stage.controller.admin_address().unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let get = async |path: &str| {
        let answer = client
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    assert_eq!(get("/healthz").await.0, 200);
    assert_eq!(get("/readyz").await.0, 200);
    assert_eq!(get("/nothing").await.0, 404);
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    assert!(
        text.contains("vmrestore_build_info") && text.ends_with("# EOF\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_are_printed_and_written_are_those_of_the_repository() {
    let folder = installed_control_plane()
        .await
        .supervisor()
        .folder()
        .join("crds-out");
    let stored = testbed::repository().join("crds");

    let printed = controller(&["crds"]).await;
    let written = controller(&["crds", "--out", &folder.display().to_string()]).await;

    assert_eq!((printed.code, written.code), (Some(0), Some(0)));
    let mut files = 0;
    for entry in std::fs::read_dir(&stored).unwrap() {
        let file = entry.unwrap().file_name();
        let text = std::fs::read_to_string(stored.join(&file)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(&file)).unwrap(), text);
        assert!(printed.out.contains(&text), "{}", file.display());
        files += 1;
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), files);
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_resumes_every_restore_where_it_is() {
    let mut world = World::start("resume").await;
    world
        .azure
        .put_vm(a_vm("resume", json!({"duration": "8m"})))
        .await;
    world
        .apply(a_restore("resume", "testRG/resume").json())
        .await;
    world
        .apply(
            a_restore("stands", "testRG/resume")
                .of_vault("nowhere")
                .json(),
        )
        .await;
    world.with_reason("resume", "JobRunning").await;
    let before = world.with_reason("stands", "VaultNotFound").await;

    assert!(world.controller().stop().await.unwrap().success());
    world.controller().restart().await.unwrap();
    let ended = world.ended("resume").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("resume").await.len(), 1);
    let after = world.get("VmRestore", "stands").await.unwrap();
    assert_eq!(reason(&after), "VaultNotFound");
    assert_eq!(
        after["status"], before["status"],
        "a restart alone writes nothing"
    );
}
