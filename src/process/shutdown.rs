//! The orderly end: the first SIGTERM or SIGINT asks for it, the second one enforces it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells everybody who holds a clone that the process shall end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks for the end; for tests, and for a part of the process that cannot go on.
#[derive(Clone, Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl Shutdown {
    /// A shutdown that only its trigger starts. Dropping the last trigger starts it too.
    pub fn manual() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(sender), Self(receiver))
    }

    /// A shutdown that SIGTERM, SIGINT or the trigger starts. A second signal ends the process at
    /// once, with 128 + the signal's number as exit code, whatever is still running.
    ///
    /// Has to be called within a Tokio runtime.
    ///
    /// # Errors
    /// The operating system refuses to install a signal handler.
    pub fn on_signals() -> io::Result<(ShutdownTrigger, Self)> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, shutdown) = Self::manual();

        let on_signal = trigger.clone();
        tokio::spawn(async move {
            let first = next_signal(&mut terminate, &mut interrupt).await;
            tracing::info!(
                signal = first.name,
                "shutting down; a second signal exits at once"
            );
            on_signal.start();
            let second = next_signal(&mut terminate, &mut interrupt).await;
            tracing::warn!(signal = second.name, "exiting without waiting");
            std::process::exit(second.exit_code);
        });
        Ok((trigger, shutdown))
    }

    /// Whether the end has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until the end is asked for; returns at once if it has been already.
    pub async fn requested(&self) {
        // Err means that no trigger is left, which counts as a request: nobody could ask any more.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }
}

impl ShutdownTrigger {
    /// Asks for the end. Asking twice changes nothing.
    pub fn start(&self) {
        self.0.send_replace(true);
    }
}

struct Received {
    name: &'static str,
    exit_code: i32,
}

async fn next_signal(terminate: &mut Signal, interrupt: &mut Signal) -> Received {
    tokio::select! {
        _ = terminate.recv() => Received { name: "SIGTERM", exit_code: 143 },
        _ = interrupt.recv() => Received { name: "SIGINT", exit_code: 130 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_learns_of_a_request_also_those_who_ask_late() {
        let (trigger, shutdown) = Shutdown::manual();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        assert!(!shutdown.is_requested());

        trigger.start();

        early.await.expect("the waiting task ends");
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_lost_trigger_counts_as_a_request() {
        let (trigger, shutdown) = Shutdown::manual();

        drop(trigger);

        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
