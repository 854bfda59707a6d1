//! Which requests get into trouble, and what happens to them.

use axum::body::Bytes;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// One request among those that it resembles: the third `GET` of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    pub method: String,
    /// The path with placeholders for names, or the name of an operation.
    pub route: String,
    /// Which one of this method and route, counted from 1.
    pub ordinal: u32,
}

impl std::fmt::Display for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} #{}", self.method, self.route, self.ordinal)
    }
}

/// On which side of its effect a request gets into trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The server never sees it.
    Before,
    /// The server has done it, and nobody is told.
    After,
}

impl Moment {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Bytes,
    /// Absent for watches and events, which are no boundaries.
    pub exchange: Option<Exchange>,
}

impl Asked {
    /// Whether it is a watch, whose answer goes on until somebody ends it.
    pub fn is_watch(&self) -> bool {
        let mut pairs = self.query.split('&');
        pairs.any(|pair| pair == "watch=true" || pair == "watch=1")
    }

    /// Its body; null if it has none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn is_about(&self, method: &str, end: &str) -> bool {
        self.method == method && self.path.ends_with(end)
    }
}

/// A choice of requests.
#[derive(Clone)]
pub struct Which(Arc<dyn Fn(&Asked) -> bool + Send + Sync>);

impl Which {
    /// Those that `wanted` says yes to.
    pub fn new(wanted: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wanted))
    }

    /// This one alone.
    pub fn exchange(at: Exchange) -> Self {
        Self::new(move |asked| asked.exchange.as_ref() == Some(&at))
    }

    /// All but watches and events.
    pub fn every_boundary() -> Self {
        Self::new(|asked| asked.exchange.is_some())
    }

    /// Reads of that `VmRestore`.
    pub fn read_of(restore: &str) -> Self {
        let end = format!("/vmrestores/{restore}");
        Self::new(move |asked| asked.is_about("GET", &end))
    }

    /// Writes of the status of that `VmRestore`.
    pub fn status_of(restore: &str) -> Self {
        let end = format!("/vmrestores/{restore}/status");
        Self::new(move |asked| asked.is_about("PUT", &end))
    }

    /// Claims of that `VmRestore`.
    pub fn claim_of(restore: &str) -> Self {
        Self::metadata_of(restore).that(|body| claim_in(body).is_some_and(Value::is_string))
    }

    /// Writes that let go of the claim of that `VmRestore`.
    pub fn letting_go_of(restore: &str) -> Self {
        Self::metadata_of(restore).that(|body| claim_in(body).is_some_and(Value::is_null))
    }

    fn metadata_of(restore: &str) -> Self {
        let end = format!("/vmrestores/{restore}");
        Self::new(move |asked| asked.is_about("PATCH", &end))
    }

    /// Of these, those whose body `says` so.
    #[must_use]
    pub fn that(self, says: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |asked| self.matches(asked) && says(&asked.json()))
    }

    fn matches(&self, asked: &Asked) -> bool {
        (self.0)(asked)
    }
}

fn claim_in(body: &Value) -> Option<&Value> {
    body.pointer("/metadata/annotations")?
        .get("vmrestore.azurebackup.dev/claim")
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is closed without an answer.
    Lost(Moment),
    /// It stays where it is until it is released.
    Held(Moment),
    /// It gets an answer with this status, whatever the server has done.
    Answered(Moment, u16),
}

impl Trouble {
    /// On which side of its effect it happens.
    pub fn moment(self) -> Moment {
        match self {
            Self::Lost(moment) | Self::Held(moment) | Self::Answered(moment, _) => moment,
        }
    }
}

/// Trouble for some of the requests that match.
#[derive(Clone)]
pub struct Rule {
    which: Which,
    trouble: Trouble,
    first: u32,
    count: u32,
    every: u32,
    after: Option<InForce>,
}

impl Rule {
    /// The first request that matches.
    pub fn new(which: Which, trouble: Trouble) -> Self {
        Self {
            which,
            trouble,
            first: 1,
            count: 1,
            every: 1,
            after: None,
        }
    }

    /// So many requests instead of one; 0 = all.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Only each n-th of them.
    #[must_use]
    pub fn every(mut self, nth: u32) -> Self {
        (self.first, self.every) = (nth, nth.max(1));
        self
    }

    /// Only requests that come when that rule has been applied.
    #[must_use]
    pub fn once_applied(mut self, rule: &InForce) -> Self {
        self.after = Some(rule.clone());
        self
    }
}

/// A rule of a proxy.
#[derive(Clone)]
pub struct InForce {
    applied: Arc<watch::Sender<u32>>,
    released: Arc<watch::Sender<bool>>,
}

impl InForce {
    /// To how many requests it was applied.
    pub fn applied(&self) -> u32 {
        *self.applied.borrow()
    }

    /// Waits until it has been applied to so many requests.
    pub async fn reached(&self, count: u32) {
        // The sender lives as long as this handle.
        let _ = self.applied.subscribe().wait_for(|n| *n >= count).await;
    }

    /// Lets go of the requests that it holds, and of those that it would hold.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Waits until the rule is released.
    pub(super) async fn released(&self) {
        let _ = self.released.subscribe().wait_for(|yes| *yes).await;
    }

    pub(super) fn apply(&self) {
        self.applied.send_modify(|count| *count += 1);
    }
}

/// The rules of a proxy, the oldest first.
#[derive(Default)]
pub(super) struct Rules(Mutex<Vec<Counted>>);

struct Counted {
    rule: Rule,
    seen: u32,
    in_force: InForce,
}

impl Rules {
    pub fn add(&self, rule: Rule) -> InForce {
        let in_force = InForce {
            applied: Arc::new(watch::Sender::new(0)),
            released: Arc::new(watch::Sender::new(false)),
        };
        self.lock().push(Counted {
            rule,
            seen: 0,
            in_force: in_force.clone(),
        });
        in_force
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to a request: the oldest rule that is due decides, and those after it do not count it.
    pub fn decide(&self, asked: &Asked) -> Option<(Trouble, InForce)> {
        for counted in self.lock().iter_mut() {
            let rule = &counted.rule;
            let ready = rule.after.as_ref().is_none_or(|rule| rule.applied() > 0);
            if !ready || !rule.which.matches(asked) {
                continue;
            }
            counted.seen += 1;
            let past = counted.seen.checked_sub(rule.first);
            let nth = past.filter(|past| past % rule.every == 0);
            let due = nth.is_some_and(|past| rule.count == 0 || past / rule.every < rule.count);
            if due {
                return Some((rule.trouble, counted.in_force.clone()));
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CLAIM: &str = "vmrestore.azurebackup.dev/claim";

    fn asked(method: &str, path: &str, body: &Value) -> Asked {
        Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            body: body.to_string().into(),
            exchange: None,
        }
    }

    fn lost_of(rule: Rule, requests: u32) -> Vec<bool> {
        let rules = Rules::default();
        rules.add(rule);
        let read = asked("GET", "/vmrestores/web", &Value::Null);
        (0..requests)
            .map(|_| rules.decide(&read).is_some())
            .collect()
    }

    #[test]
    fn a_rule_is_for_as_many_requests_as_it_says() {
        let lost = || Rule::new(Which::read_of("web"), Trouble::Lost(Moment::Before));

        assert_eq!(lost_of(lost(), 3), [true, false, false]);
        assert_eq!(lost_of(lost().times(2), 3), [true, true, false]);
        assert_eq!(
            lost_of(lost().times(0).every(2), 4),
            [false, true, false, true]
        );
        assert_eq!(
            lost_of(lost().times(1).every(2), 4),
            [false, true, false, false]
        );
    }

    #[test]
    fn rules_for_the_same_requests_take_one_after_the_other() {
        let rules = Rules::default();
        for status in [429, 500] {
            let answered = Trouble::Answered(Moment::Before, status);
            rules.add(Rule::new(Which::read_of("web"), answered));
        }
        let read = asked("GET", "/vmrestores/web", &Value::Null);

        let statuses = [(); 3].map(|()| match rules.decide(&read) {
            Some((Trouble::Answered(_, status), _)) => status,
            _ => 200,
        });

        assert_eq!(statuses, [429, 500, 200]);
    }

    #[test]
    fn a_rule_may_wait_for_another_one() {
        let rules = Rules::default();
        let first = rules.add(Rule::new(
            Which::status_of("web"),
            Trouble::Lost(Moment::After),
        ));
        rules.add(
            Rule::new(Which::read_of("web"), Trouble::Held(Moment::Before)).once_applied(&first),
        );
        let read = asked("GET", "/vmrestores/web", &Value::Null);

        let early = rules.decide(&read).is_some();
        first.apply();
        let late = rules.decide(&read).map(|(trouble, _)| trouble);

        assert!(!early);
        assert_eq!(late, Some(Trouble::Held(Moment::Before)));
    }

    #[test]
    fn claims_and_their_removal_are_told_apart() {
        let path = "/apis/azurebackup.dev/v1alpha1/namespaces/n/vmrestores/web";
        let with = |claim: Value| {
            asked(
                "PATCH",
                path,
                &json!({"metadata": {"annotations": {CLAIM: claim}}}),
            )
        };
        let claim = with(json!("1/x"));
        let removal = with(Value::Null);

        assert!(Which::claim_of("web").matches(&claim));
        assert!(!Which::claim_of("web").matches(&removal));
        assert!(Which::letting_go_of("web").matches(&removal));
        assert!(!Which::letting_go_of("web").matches(&claim));
        assert!(!Which::claim_of("eb").matches(&claim));
    }
}
