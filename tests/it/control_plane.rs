//! The testbed itself: that the control plane is a real one, and that nothing is left of it.

use crate::support::{control_plane, eventually};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use testbed::ControlPlane;

#[tokio::test(flavor = "multi_thread")]
async fn control_plane_serves_the_pinned_version() {
    let plane = control_plane().await;

    let version = plane.client().apiserver_version().await.unwrap();

    assert_eq!(
        version.git_version,
        format!("v{}", testbed::assets::KUBERNETES_VERSION)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_status_write_gives_409() {
    let plane = control_plane().await;
    let namespace = plane.namespace("stale").await.unwrap();
    let namespaces: Api<Namespace> = Api::all(plane.client());
    let stale = namespaces.get(&namespace).await.unwrap();
    let label = json!({"metadata": {"labels": {"touched": "true"}}});
    namespaces
        .patch(&namespace, &PatchParams::default(), &Patch::Merge(&label))
        .await
        .unwrap();

    let refused = namespaces
        .replace_status(&namespace, &PostParams::default(), &stale)
        .await;

    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 409),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_may_only_do_what_its_role_says() {
    let plane = control_plane().await;
    let namespace = plane.namespace("rbac").await.unwrap();
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader, namespace: {namespace}}}
rules: [{{apiGroups: [\"\"], resources: [configmaps], verbs: [list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
subjects: [{{kind: ServiceAccount, name: reader, namespace: {namespace}}}]
"
    );
    plane.apply_text(&role).await.unwrap();
    let kubeconfig = plane
        .kubeconfig_for_service_account(&namespace, "reader")
        .await
        .unwrap();
    let client = client_of(&kubeconfig).await;

    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace)
        .list(&ListParams::default())
        .await;
    let pods = Api::<Pod>::namespaced(client, &namespace)
        .list(&ListParams::default())
        .await;

    assert!(config_maps.is_ok(), "{config_maps:?}");
    assert!(
        matches!(&pods, Err(kube::Error::Api(status)) if status.code == 403),
        "{pods:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_control_planes_do_not_disturb_each_other() {
    let plane = control_plane().await;
    let namespace = plane.namespace("first").await.unwrap();

    let other = ControlPlane::start().await.unwrap();

    assert_ne!(plane.url(), other.url());
    let there = Api::<Namespace>::all(other.client())
        .get_opt(&namespace)
        .await
        .unwrap();
    assert!(there.is_none(), "{namespace} exists in both");
    let pids = other.pids();
    other.stop().await;
    assert!(pids.iter().all(|pid| !is_running(*pid)), "{pids:?}");
    assert!(
        Api::<Namespace>::all(plane.client())
            .get(&namespace)
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_program_leaves_no_process_and_no_file() {
    let mut running = RunningTestbed::start();
    assert!(
        running.pids.iter().all(|pid| is_running(*pid)),
        "{:?}",
        running.pids
    );

    running.program.kill().unwrap();
    running.program.wait().unwrap();

    running.is_gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_no_process_and_no_file() {
    let mut running = RunningTestbed::start();

    let interrupted = Command::new("kill")
        .args(["-INT", &running.program.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());

    assert!(running.program.wait().unwrap().success());
    running.is_gone().await;
}

/// `testbed serve` as a program of its own, with the ids of what it has started.
struct RunningTestbed {
    program: Child,
    pids: Vec<u32>,
    kubeconfig: String,
}

impl RunningTestbed {
    fn start() -> Self {
        let binary = testbed::find_binary("testbed").unwrap();
        let mut program = Command::new(binary)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let kubeconfig = lines.next().expect("the KUBECONFIG line");
        let pids = lines.next().expect("the line with the process ids");
        let pids = pids
            .split_whitespace()
            .skip(1)
            .map(|pid| pid.parse().unwrap())
            .collect();
        Self {
            program,
            pids,
            kubeconfig: kubeconfig.replace("export KUBECONFIG=", ""),
        }
    }

    async fn is_gone(&self) {
        let pids = &self.pids;
        eventually(&format!("{pids:?} to end"), 30, async || {
            pids.iter().all(|pid| !is_running(*pid)).then_some(())
        })
        .await;
        assert!(
            !Path::new(&self.kubeconfig).exists(),
            "{} is still there",
            self.kubeconfig
        );
    }
}

impl Drop for RunningTestbed {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // A zombie has ended; it only waits for its parent to take note.
    !stat
        .rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

async fn client_of(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default())
        .await
        .unwrap();
    kube::Client::try_from(config).unwrap()
}
