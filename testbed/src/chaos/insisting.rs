//! Calls to an API server that may be stopped, and signals.

use crate::TestbedError;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Longest wait for one answer of the API server, which may be stopped.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Sends a signal to a process of the soak; one that has ended meanwhile gets none.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

/// Repeats a call until the API server answers it: it may be stopped, and what it says may be a conflict.
pub async fn insisting<T>(
    what: &str,
    call: impl AsyncFn() -> kube::Result<T>,
) -> Result<T, TestbedError> {
    let give_up = Instant::now() + Duration::from_secs(40);
    loop {
        let failed = match tokio::time::timeout(ANSWER_WITHIN, call()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        if Instant::now() > give_up {
            return Err(match failed {
                Some(error) => TestbedError::kubernetes(what)(error),
                None => TestbedError::TimedOut {
                    what: what.to_owned(),
                    seconds: 40,
                    log: String::new(),
                },
            });
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// A result in which this error of the API server counts as done.
pub fn tolerating(result: kube::Result<()>, code: u16) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == code => Ok(()),
        other => other,
    }
}
