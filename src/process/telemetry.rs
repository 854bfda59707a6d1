//! The log: structured lines on standard error, as text for people or JSON for collectors.

use std::env;
use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// What is logged when neither variable of [`FILTER_VARIABLES`] is set: our own transitions, and of
/// the libraries only what is out of the ordinary.
const DEFAULT_FILTER: &str = "info,kube_client=warn,kube_runtime=warn,hyper=warn,hyper_util=warn,\
     h2=warn,tower=warn,rustls=warn,reqwest=warn,azure_core=warn,azure_identity=warn";

/// Variables with a filter in the syntax of `tracing_subscriber::EnvFilter`; the first one that is
/// set and not empty counts.
const FILTER_VARIABLES: [&str; 2] = ["VMRESTORE_LOG", "RUST_LOG"];

/// Crates whose debug output may show headers, bodies or answers of a token endpoint. They never
/// log below `info`, whatever a filter asks for: a credential in a log is a credential lost.
const NEVER_VERBOSE: [&str; 8] = [
    "azure_core",
    "azure_identity",
    "typespec",
    "typespec_client_core",
    "reqwest",
    "hyper",
    "hyper_util",
    "h2",
];

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event; coloured on a terminal, unless `NO_COLOR` is set.
    Text,
    /// One JSON object per line; the event's fields stand at the top level.
    Json,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A variable holds something that is no filter.
    #[error("cannot read the log filter in {variable}: write for example info,vmrestore=debug")]
    Filter {
        /// Name of the environment variable.
        variable: &'static str,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else in this process already receives the log.
    #[error("cannot start the log a second time")]
    AlreadyStarted(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts the log of the process; once, before anything logs.
///
/// # Errors
/// The filter in `VMRESTORE_LOG` or `RUST_LOG` is malformed, or the log runs already.
pub fn start(format: LogFormat) -> Result<(), TelemetryError> {
    let filter = filter_from(|variable| env::var(variable).ok())?.and(filter_fn(is_harmless));
    let lines = match format {
        LogFormat::Text => fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_writer(io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(TelemetryError::AlreadyStarted)
}

fn filter_from(variable: impl Fn(&str) -> Option<String>) -> Result<EnvFilter, TelemetryError> {
    for name in FILTER_VARIABLES {
        let Some(wanted) = variable(name).filter(|text| !text.trim().is_empty()) else {
            continue;
        };
        return EnvFilter::try_new(wanted.trim()).map_err(|source| TelemetryError::Filter {
            variable: name,
            source,
        });
    }
    Ok(EnvFilter::new(DEFAULT_FILTER))
}

fn is_harmless(event: &Metadata<'_>) -> bool {
    let krate = event.target().split("::").next().unwrap_or_default();
    if krate == "kube_client" {
        // Its warnings quote the body of an answer that it cannot decode, which may be a Secret.
        return *event.level() <= Level::ERROR;
    }
    !NEVER_VERBOSE.contains(&krate) || *event.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn our_own_variable_wins_over_the_general_one() {
        let filter = filter_from(|name| match name {
            "VMRESTORE_LOG" => Some("vmrestore=debug".to_owned()),
            _ => Some("trace".to_owned()),
        })
        .expect("a filter");

        assert_eq!(filter.to_string(), "vmrestore=debug");
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let filter = filter_from(|_| Some(" ".to_owned())).expect("a filter");

        assert!(filter.to_string().contains("kube_client=warn"));
    }

    #[test]
    fn a_malformed_filter_names_its_variable() {
        let error = filter_from(|_| Some("vmrestore=loud".to_owned())).expect_err("no filter");

        assert!(error.to_string().contains("VMRESTORE_LOG"), "{error}");
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn crates_that_see_credentials_never_log_their_debug_output() {
        let captured = Captured::default();
        let writer = captured.clone();
        let filter = EnvFilter::new("trace").and(filter_fn(is_harmless));
        let lines = fmt::layer()
            .with_writer(move || writer.clone())
            .with_filter(filter);

        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::debug!(target: "azure_core::http", "authorization: Bearer x");
            tracing::trace!(target: "h2::codec", "frame with a header");
            tracing::warn!(target: "azure_core::http", "a warning");
            tracing::trace!(target: "vmrestore", "our own detail");
        });

        let log = String::from_utf8(captured.0.lock().expect("no panic").clone()).expect("UTF-8");
        assert!(
            !log.contains("Bearer") && !log.contains("frame with"),
            "{log}"
        );
        assert!(
            log.contains("a warning") && log.contains("our own detail"),
            "{log}"
        );
    }
}
