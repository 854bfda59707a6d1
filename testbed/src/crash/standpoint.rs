//! Where the first of two crashes comes: what a restore can have left behind, of which every other crash leaves one.

use super::boundary::{Boundary, Crash, Side};
use crate::TestbedError;
use crate::proxy::{Exchange, Moment};

/// How far a restore of the happy path had come when its controller died for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standpoint {
    /// The claim stands, nothing was sent.
    Claimed,
    /// Azure has accepted the restore, and no status says so.
    Triggered,
    /// The status has the operation.
    Recorded,
    /// The status has the end; the claim still stands.
    Ended,
}

/// Routes, by the way they end.
const OBJECT: &str = "/vmrestores/{name}";
const STATUS: &str = "/vmrestores/{name}/status";
const TRIGGER: &str = "TriggerRestore";

impl Standpoint {
    /// In order. What comes before the claim leaves nothing behind.
    pub const ALL: [Self; 4] = [Self::Claimed, Self::Triggered, Self::Recorded, Self::Ended];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed, nothing sent",
            Self::Triggered => "triggered, not recorded",
            Self::Recorded => "recorded",
            Self::Ended => "ended, not let go",
        }
    }

    /// The crash that leaves it behind, among those of the happy path.
    ///
    /// # Errors
    /// If the path has no such boundary.
    pub fn crash(self, path: &[Boundary]) -> Result<Crash, TestbedError> {
        let writes = |method: &str, end: &str| -> Vec<Boundary> {
            let fits = |boundary: &&Boundary| {
                boundary.exchange.method == method && boundary.exchange.route.ends_with(end)
            };
            path.iter().filter(fits).cloned().collect()
        };
        let (found, moment) = match self {
            Self::Claimed => (writes("PATCH", OBJECT).first().cloned(), Moment::After),
            Self::Triggered => (writes("POST", TRIGGER).first().cloned(), Moment::After),
            // The first status has the recovery point; the second one what came of the trigger.
            Self::Recorded => (writes("PUT", STATUS).get(1).cloned(), Moment::After),
            Self::Ended => (writes("PATCH", OBJECT).last().cloned(), Moment::Before),
        };
        let boundary = found.ok_or_else(|| {
            TestbedError::Unreadable(format!("the path has no boundary \"{}\"", self.as_str()))
        })?;
        Ok(Crash { boundary, moment })
    }

    /// The few second crashes that are part of every test run: at the writes of each recovery.
    ///
    /// # Errors
    /// As [`Standpoint::crash`].
    pub fn pairs(path: &[Boundary]) -> Result<Vec<(Crash, Crash)>, TestbedError> {
        let route = |end: &str| {
            let mut all = path.iter().map(|boundary| &boundary.exchange.route);
            all.find(|route| route.ends_with(end)).cloned()
        };
        let (Some(object), Some(status)) = (route(OBJECT), route(STATUS)) else {
            return Err(TestbedError::Unreadable("the path has no write".to_owned()));
        };
        let second = |side, moment, method: &str, route: &str| Crash {
            boundary: Boundary {
                side,
                exchange: Exchange {
                    method: method.to_owned(),
                    route: route.to_owned(),
                    ordinal: 1,
                },
            },
            moment,
        };
        let (kubernetes, azure) = (Side::Kubernetes, Side::Azure);
        let wanted = [
            (
                Self::Claimed,
                second(kubernetes, Moment::After, "PATCH", &object),
            ),
            (Self::Claimed, second(azure, Moment::After, "POST", TRIGGER)),
            (
                Self::Claimed,
                second(kubernetes, Moment::Before, "PUT", &status),
            ),
            (
                Self::Triggered,
                second(kubernetes, Moment::Before, "PUT", &status),
            ),
            (
                Self::Triggered,
                second(kubernetes, Moment::After, "PUT", &status),
            ),
            (
                Self::Triggered,
                second(azure, Moment::After, "GET", "ListJobs"),
            ),
            (
                Self::Recorded,
                second(kubernetes, Moment::After, "PUT", &status),
            ),
            (
                Self::Ended,
                second(kubernetes, Moment::After, "PATCH", &object),
            ),
        ];
        let pairs = wanted
            .into_iter()
            .map(|(first, second)| Ok((first.crash(path)?, second)));
        pairs.collect()
    }
}
