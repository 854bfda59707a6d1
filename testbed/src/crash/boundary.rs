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

/// The boundaries of the emulator's request log, in order.
pub(crate) fn of_azure(log: &Value) -> Vec<Boundary> {
    let mut seen: Vec<Boundary> = Vec::new();
    for line in log["requests"].as_array().into_iter().flatten() {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let (method, route) = (text("method"), text("operation"));
        let before = seen
            .iter()
            .filter(|other| other.exchange.method == method && other.exchange.route == route)
            .count();
        let ordinal = u32::try_from(before).map_or(u32::MAX, |before| before + 1);
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

/// The boundaries that every recording has, in the order of the first.
pub(crate) fn of_all(recordings: &[Vec<Boundary>]) -> Vec<Boundary> {
    let Some((first, others)) = recordings.split_first() else {
        return Vec::new();
    };
    let everywhere =
        |boundary: &&Boundary| others.iter().all(|recording| recording.contains(boundary));
    first.iter().filter(everywhere).cloned().collect()
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

        let seen: Vec<String> = of_azure(&log).iter().map(Boundary::to_string).collect();

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
    fn what_only_one_recording_has_is_no_boundary_of_the_happy_path() {
        let log = |count| {
            let line = json!({"method": "GET", "operation": "ListJobs"});
            of_azure(&json!({"requests": vec![line; count]}))
        };

        assert_eq!(of_all(&[log(3), log(2)]), log(2));
        assert_eq!(Crash::at_all(&log(2)).len(), 4);
    }
}
