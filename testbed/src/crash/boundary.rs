//! Where the controller can be killed.

use crate::proxy::{Exchange, Moment};
use serde_json::Value;

/// Whom a request was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Kubernetes,
    Azure,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Azure => "azure",
        }
    }
}

/// One request of the happy path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    pub side: Side,
    /// On the Azure side the route is the name of the operation (docs/emulator.md).
    pub exchange: Exchange,
}

impl Boundary {
    /// Whether it is the write of the first claim.
    pub fn is_claim(&self) -> bool {
        let Exchange {
            method,
            route,
            ordinal,
        } = &self.exchange;
        method == "PATCH" && route.ends_with("/vmrestores/{name}") && *ordinal == 1
    }

    /// Whether it is the first restore request.
    pub fn is_trigger(&self) -> bool {
        self.exchange.route == "TriggerRestore" && self.exchange.ordinal == 1
    }
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<10} {}", self.side.as_str(), self.exchange)
    }
}

/// A kill at a boundary, before or after its effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crash {
    pub boundary: Boundary,
    pub moment: Moment,
}

impl Crash {
    /// Both kills at each of these boundaries.
    pub fn at_all(boundaries: &[Boundary]) -> Vec<Self> {
        let both = |boundary: &Boundary| {
            let boundary = boundary.clone();
            Moment::ALL.map(|moment| Self {
                boundary: boundary.clone(),
                moment,
            })
        };
        boundaries.iter().flat_map(both).collect()
    }
}

impl std::fmt::Display for Crash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<6}  {}", self.moment.as_str(), self.boundary)
    }
}

/// Which one of this method and route a request is, after these.
fn ordinal<'a>(method: &str, route: &str, earlier: impl IntoIterator<Item = &'a Exchange>) -> u32 {
    let same = |other: &&Exchange| other.method == method && other.route == route;
    let before = earlier.into_iter().filter(same).count();
    u32::try_from(before).map_or(u32::MAX, |before| before + 1)
}

/// The requests that came after these, counted anew.
pub(super) fn since(earlier: &[Exchange], all: Vec<Exchange>) -> Vec<Exchange> {
    let mut later: Vec<Exchange> = Vec::new();
    for exchange in all.into_iter().skip(earlier.len()) {
        let ordinal = ordinal(&exchange.method, &exchange.route, &later);
        later.push(Exchange {
            ordinal,
            ..exchange
        });
    }
    later
}

/// A request that is counted from after these, as it is counted from the start.
pub(super) fn after(earlier: &[Exchange], exchange: &Exchange) -> Exchange {
    let first = ordinal(&exchange.method, &exchange.route, earlier);
    Exchange {
        ordinal: first + exchange.ordinal - 1,
        ..exchange.clone()
    }
}

/// The boundaries of the emulator's request log, in order, without its first lines.
pub(super) fn of_azure(log: &Value, skip: usize) -> Vec<Boundary> {
    let mut seen: Vec<Boundary> = Vec::new();
    for line in log["requests"].as_array().into_iter().flatten().skip(skip) {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let (method, route) = (text("method"), text("operation"));
        let ordinal = ordinal(&method, &route, seen.iter().map(|other| &other.exchange));
        seen.push(Boundary {
            side: Side::Azure,
            exchange: Exchange {
                method,
                route,
                ordinal,
            },
        });
    }
    seen
}

/// The boundaries that every recording has, in the order of the first, and how many more requests the longest one has.
pub(super) fn of_all(recordings: &[Vec<Boundary>]) -> (Vec<Boundary>, usize) {
    let Some((first, others)) = recordings.split_first() else {
        return (Vec::new(), 0);
    };
    let everywhere =
        |boundary: &&Boundary| others.iter().all(|recording| recording.contains(boundary));
    let common: Vec<Boundary> = first.iter().filter(everywhere).cloned().collect();
    let most = recordings.iter().map(Vec::len).max().unwrap_or_default();
    let left_out = most - common.len();
    (common, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_of_one_operation_are_counted() {
        let log = json!({"requests": [
            {"method": "GET", "operation": "ListJobs"},
            {"method": "POST", "operation": "TriggerRestore"},
            {"method": "GET", "operation": "ListJobs"},
        ]});

        let seen: Vec<String> = of_azure(&log, 0).iter().map(Boundary::to_string).collect();

        assert_eq!(
            seen,
            [
                "azure      GET ListJobs #1",
                "azure      POST TriggerRestore #1",
                "azure      GET ListJobs #2"
            ]
        );
    }

    #[test]
    fn requests_after_a_crash_are_counted_anew() {
        let exchange = |route: &str, ordinal| Exchange {
            method: "GET".to_owned(),
            route: route.to_owned(),
            ordinal,
        };
        let earlier = [exchange("/a", 1), exchange("/b", 1), exchange("/a", 2)];
        let mut all = earlier.to_vec();
        all.extend([exchange("/a", 3), exchange("/c", 1), exchange("/a", 4)]);

        let later = since(&earlier, all.clone());

        assert_eq!(
            later,
            [exchange("/a", 1), exchange("/c", 1), exchange("/a", 2)]
        );
        assert_eq!(after(&earlier, &later[2]), all[5]);
        assert_eq!(after(&earlier, &later[1]), all[4]);
    }

    #[test]
    fn what_only_one_recording_has_is_no_boundary_of_the_happy_path() {
        let log = |count| {
            let line = json!({"method": "GET", "operation": "ListJobs"});
            of_azure(&json!({"requests": vec![line; count]}), 0)
        };

        assert_eq!(of_all(&[log(3), log(2)]), (log(2), 1));
        assert_eq!(Crash::at_all(&log(2)).len(), 4);
    }
}
