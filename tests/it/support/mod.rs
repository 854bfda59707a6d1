//! What integration tests share. Each test has a runtime of its own, so clients are made per test, while the
//! processes live on in the supervisor.

pub mod azure;
pub mod objects;
pub mod reading;
pub mod world;

use std::time::Duration;
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

/// Pause between two looks at something that is waited for.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How often one looks in that time. Patience is counted in looks: where the machine is slow, they are too.
pub fn looks_in(time: Duration) -> u128 {
    time.as_millis() / BETWEEN_LOOKS.as_millis()
}

/// Waits until `done` gives a value, and fails with `what` after the looks of so many seconds.
pub async fn eventually<T>(what: &str, seconds: u64, done: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..looks_in(Duration::from_secs(seconds)) {
        if let Some(value) = done().await {
            return value;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    panic!("waited {seconds} s for {what}");
}

/// Sends a signal, given as `kill` takes it.
pub fn signal(pid: u32, signal: &str) {
    let sent = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
