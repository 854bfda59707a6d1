//! What the process counts, in the OpenMetrics format.
//!
//! Every family stands in the table below; every label takes `&'static str` only, so that neither a
//! user nor Azure can make the number of series grow. The rest of the program records through the
//! small methods of [`Metrics`] and does not know the library behind them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// Content type of [`Metrics::openmetrics`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Name without the ending that the format adds (`_total` for counters, `_info`), and help text.
struct Described(&'static str, &'static str);

// The table of families. Labels are named in the constants below it.
const AZURE_REQUESTS: Described = Described(
    "vmrestore_azure_requests",
    "Requests sent to Azure, by operation and class of answer (none: no answer came)",
);
const AZURE_REQUEST_DURATION: Described = Described(
    "vmrestore_azure_request_duration_seconds",
    "Time from sending a request to Azure to the end of its answer",
);
const AZURE_THROTTLED: Described = Described(
    "vmrestore_azure_throttled",
    "Requests that Azure refused because there were too many (429)",
);
const PASSES: Described = Described(
    "vmrestore_passes",
    "Passes of the controller over an object, by result",
);
const PASS_DURATION: Described = Described(
    "vmrestore_pass_duration_seconds",
    "Time that a pass over an object took",
);
const STATUS_WRITES: Described = Described(
    "vmrestore_status_writes",
    "Writes of an object's status to the API server",
);
const CLAIMS: Described = Described(
    "vmrestore_claims",
    "Claims written before a restore is triggered",
);
const TRIGGERS: Described = Described(
    "vmrestore_triggers",
    "Restore requests sent to Azure, by what is known of their outcome",
);
const RUNS: Described = Described("vmrestore_runs", "Restore runs in the cluster, by phase");
const BUILD: Described = Described("vmrestore_build", "Version of this controller");

const OPERATION: &str = "operation";
const STATUS_CLASS: &str = "status_class";
const RESULT: &str = "result";
const OUTCOME: &str = "outcome";
const PHASE: &str = "phase";

/// Buckets in seconds. The upper ones reach beyond the 60 s after which Azure's gateway gives up.
const REQUEST_SECONDS: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 120.0];
const PASS_SECONDS: [f64; 10] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 120.0];

type Labels<const N: usize> = [(&'static str, &'static str); N];
type HistogramFamily<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// Everything that is counted. Clones count into the same families.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    azure_requests: Family<Labels<2>, Counter>,
    azure_request_duration: HistogramFamily<1>,
    azure_throttled: Counter,
    passes: Family<Labels<1>, Counter>,
    pass_duration: Histogram,
    status_writes: Counter,
    claims: Counter,
    triggers: Family<Labels<1>, Counter>,
    runs: Family<Labels<1>, Gauge>,
}

impl Metrics {
    /// Families without a sample yet, and the version of this build.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register(BUILD.0, BUILD.1, version);
        let families = Self {
            registry: Arc::default(),
            azure_requests: register(&mut registry, AZURE_REQUESTS, Family::default()),
            azure_request_duration: register(
                &mut registry,
                AZURE_REQUEST_DURATION,
                Family::new_with_constructor(request_histogram as fn() -> Histogram),
            ),
            azure_throttled: register(&mut registry, AZURE_THROTTLED, Counter::default()),
            passes: register(&mut registry, PASSES, Family::default()),
            pass_duration: register(&mut registry, PASS_DURATION, Histogram::new(PASS_SECONDS)),
            status_writes: register(&mut registry, STATUS_WRITES, Counter::default()),
            claims: register(&mut registry, CLAIMS, Counter::default()),
            triggers: register(&mut registry, TRIGGERS, Family::default()),
            runs: register(&mut registry, RUNS, Family::default()),
        };
        Self {
            registry: Arc::new(registry),
            ..families
        }
    }

    /// One request to Azure ended: with this HTTP status, or with no answer at all.
    pub fn azure_request(&self, operation: &'static str, http_status: Option<u16>, took: Duration) {
        let class = status_class(http_status);
        self.azure_requests
            .get_or_create(&[(OPERATION, operation), (STATUS_CLASS, class)])
            .inc();
        self.azure_request_duration
            .get_or_create(&[(OPERATION, operation)])
            .observe(took.as_secs_f64());
        if http_status == Some(429) {
            self.azure_throttled.inc();
        }
    }

    /// One pass over an object ended.
    pub fn pass(&self, result: &'static str, took: Duration) {
        self.passes.get_or_create(&[(RESULT, result)]).inc();
        self.pass_duration.observe(took.as_secs_f64());
    }

    /// A status was written.
    pub fn status_written(&self) {
        self.status_writes.inc();
    }

    /// A claim was written.
    pub fn claimed(&self) {
        self.claims.inc();
    }

    /// A restore request was sent, or its outcome became known.
    pub fn triggered(&self, outcome: &'static str) {
        self.triggers.get_or_create(&[(OUTCOME, outcome)]).inc();
    }

    /// Sets how many runs are in `phase` now. Phases that are not set keep their number, so a caller
    /// sets all of them, also those with none.
    pub fn set_runs(&self, phase: &'static str, count: usize) {
        self.runs
            .get_or_create(&[(PHASE, phase)])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All families as OpenMetrics text; its content type is [`OPENMETRICS`].
    ///
    /// # Errors
    /// None in practice: the text is written into memory.
    pub fn openmetrics(&self) -> Result<String, fmt::Error> {
        let mut body = String::new();
        text::encode(&mut body, &self.registry)?;
        Ok(body)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn register<M: Metric + Clone>(registry: &mut Registry, described: Described, metric: M) -> M {
    let Described(name, help) = described;
    registry.register(name, help, metric.clone());
    metric
}

fn request_histogram() -> Histogram {
    Histogram::new(REQUEST_SECONDS)
}

fn status_class(http_status: Option<u16>) -> &'static str {
    match http_status {
        None => "none",
        Some(status) => match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_the_name_that_dashboards_rely_on() {
        let metrics = Metrics::new();

        metrics.azure_request("recovery_points", Some(200), Duration::from_millis(20));
        metrics.azure_request("trigger", None, Duration::from_secs(100));
        metrics.azure_request("jobs", Some(429), Duration::from_millis(5));
        metrics.pass("done", Duration::from_millis(3));
        metrics.status_written();
        metrics.claimed();
        metrics.triggered("accepted");
        metrics.set_runs("Running", 2);

        let text = metrics.openmetrics().expect("text");
        for line in [
            r#"vmrestore_azure_requests_total{operation="recovery_points",status_class="2xx"} 1"#,
            r#"vmrestore_azure_requests_total{operation="trigger",status_class="none"} 1"#,
            r#"vmrestore_azure_request_duration_seconds_count{operation="trigger"} 1"#,
            "vmrestore_azure_throttled_total 1",
            r#"vmrestore_passes_total{result="done"} 1"#,
            "vmrestore_pass_duration_seconds_count 1",
            "vmrestore_status_writes_total 1",
            "vmrestore_claims_total 1",
            r#"vmrestore_triggers_total{outcome="accepted"} 1"#,
            r#"vmrestore_runs{phase="Running"} 2"#,
            "vmrestore_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn clones_count_into_the_same_family() {
        let metrics = Metrics::new();

        metrics.clone().claimed();
        metrics.claimed();

        let text = metrics.openmetrics().expect("text");
        assert!(text.contains("vmrestore_claims_total 2"), "{text}");
    }
}
