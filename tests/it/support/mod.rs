//! What integration tests share. Each test has a runtime of its own, so clients are made per test, while the
//! processes live on in the supervisor.

pub mod azure;
pub mod objects;
pub mod reading;
pub mod world;

use testbed::ControlPlane;
use tokio::sync::OnceCell;

static CONTROL_PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

/// The control plane that all tests of this binary share. It ends when this binary does, however that happens.
pub async fn control_plane() -> &'static ControlPlane {
    CONTROL_PLANE
        .get_or_init(async || match ControlPlane::start().await {
            Ok(plane) => plane,
            Err(error) => panic!("{}", testbed::chain(&error)),
        })
        .await
}

/// The shared control plane with the CRDs and roles of this repository.
pub async fn installed_control_plane() -> &'static ControlPlane {
    let plane = control_plane().await;
    if let Err(error) = plane.install().await {
        panic!("{}", testbed::chain(&error));
    }
    plane
}

/// Waits until `done` gives a value, and fails with `what` after `seconds`.
pub async fn eventually<T>(what: &str, seconds: u64, done: impl AsyncFn() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(
            start.elapsed().as_secs() < seconds,
            "waited {seconds} s for {what}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Sends a signal, given as `kill` takes it.
pub fn signal(pid: u32, signal: &str) {
    let sent = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
