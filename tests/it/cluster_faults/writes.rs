//! Writes to the API server whose answers are lost, late or wrong.

use super::{a_quick_restore, attempts, ends_with_its_one_job};
use crate::support::world::World;
use futures::future::join_all;
use serde_json::Value;
use testbed::proxy::Moment::{After, Before};
use testbed::proxy::Trouble::{Answered, Lost};
use testbed::proxy::{InForce, Proxy, Rule, Trouble, Which};

/// What happens to the writes of one restore.
struct Case {
    name: String,
    rule: Rule,
}

impl Case {
    fn new(what: &str, trouble: Trouble, which: impl Fn(&str) -> Which, times: u32) -> Self {
        let (word, moment) = match trouble {
            Lost(moment) => ("lost".to_owned(), moment),
            Answered(moment, status) => (status.to_string(), moment),
            Trouble::Held(moment) => ("held".to_owned(), moment),
        };
        let name = format!("{what}-{word}-{}-x{times}", moment.as_str());
        let rule = Rule::new(which(&name), trouble).times(times);
        Self { name, rule }
    }

    fn put(&self, proxy: &Proxy) -> InForce {
        proxy.rule(self.rule.clone())
    }
}

/// The write that says what Azure answered to the trigger: the first that shows an operation.
fn record_of(restore: &str) -> Which {
    Which::status_of(restore).that(|body| body.pointer("/status/operation/id").is_some())
}

/// The write that says how the run has ended.
fn end_of(restore: &str) -> Which {
    Which::status_of(restore).that(|body| body["status"]["finished"] == true)
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for moment in [Before, After] {
        let mut case = |what: &str, trouble, which: fn(&str) -> Which, times| {
            cases.push(Case::new(what, trouble, which, times));
        };
        case("claim", Lost(moment), Which::claim_of, 1);
        case("claim", Answered(moment, 503), Which::claim_of, 1);
        case("record", Lost(moment), record_of, 1);
        // Longer than the process tries at once.
        case("record", Lost(moment), record_of, 8);
        case("record", Answered(moment, 500), record_of, 2);
        case("end", Lost(moment), end_of, 1);
        case("letgo", Lost(moment), Which::letting_go_of, 1);
        case("letgo", Answered(moment, 504), Which::letting_go_of, 1);
    }
    for status in [409, 429, 500] {
        cases.push(Case::new(
            "claim",
            Answered(Before, status),
            Which::claim_of,
            2,
        ));
    }
    for status in [409, 429] {
        cases.push(Case::new("record", Answered(Before, status), record_of, 3));
    }
    cases
}

/// The answer to the claim is lost, and so is the read that would tell whether it stands.
fn claim_and_read(proxy: &Proxy, name: &str, moment: testbed::proxy::Moment) {
    let claim = proxy.rule(Rule::new(Which::claim_of(name), Lost(moment)));
    proxy.rule(Rule::new(Which::read_of(name), Lost(Before)).once_applied(&claim));
}

#[tokio::test(flavor = "multi_thread")]
async fn write_whose_answer_is_lost_or_wrong_makes_no_second_job() {
    let world = World::builder("writes").behind_a_proxy().start().await;
    let cases = cases();
    let rules: Vec<_> = cases.iter().map(|case| case.put(world.proxy())).collect();
    claim_and_read(world.proxy(), "read-lost-before", Before);
    claim_and_read(world.proxy(), "read-lost-after", After);

    let names = cases.iter().map(|case| case.name.as_str());
    let runs = names.chain(["read-lost-before", "read-lost-after"]);
    let ended: Vec<Value> = join_all(runs.map(async |name| {
        let restore = a_quick_restore(&world, name).await;
        world.apply(restore.json()).await;
        ends_with_its_one_job(&world, name).await
    }))
    .await;

    for ((case, rule), object) in cases.iter().zip(rules).zip(&ended) {
        assert!(rule.applied() > 0, "{}: nothing happened", case.name);
        assert_eq!(attempts(object), [1], "{}: {object:#}", case.name);
        let posts = world.azure.posts(&case.name).await;
        assert_eq!(posts.len(), 1, "{}: {posts:#?}", case.name);
    }
    let [.., unclaimed, claimed] = &ended[..] else {
        unreachable!("there are more than two")
    };
    assert_eq!(attempts(unclaimed), [1], "no claim stood: {unclaimed:#}");
    assert_eq!(
        attempts(claimed),
        [1, 2],
        "nobody knew whether it was sent: {claimed:#}"
    );
    assert_eq!(claimed["status"]["attempts"][0]["state"], "NotFound");
}
