//! What any long-running program needs: a command line, logs, metrics, admin endpoints, an orderly
//! end. Nothing in this folder knows what a restore is.
//!
//! In the order in which `main` meets them:
//! [`tls`] chooses the one crypto provider, [`args`] reads the command line and the environment,
//! [`telemetry`] starts the log, [`shutdown`] listens for signals, [`metrics`] holds what is
//! counted, and [`admin`] shows it, together with whether the process is alive and ready.
//! [`output`] serves the commands that only print.

pub mod admin;
pub mod args;
pub mod metrics;
pub mod output;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

use std::error::Error;

/// An error and everything that caused it in one line: `cannot read a: no such file`.
///
/// A cause whose text its parent already repeats is left out, and line breaks become spaces, so
/// that a person who greps a log finds the whole story in one place.
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = inner.source();
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the\n  door")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the key is missing")]
    struct Inner;

    #[test]
    fn an_error_and_its_causes_are_one_line() {
        assert_eq!(
            one_line(&Outer(Inner)),
            "cannot open the door: the key is missing"
        );
    }
}
