//! The status is erased or set back, or the object is deleted and applied again: in every phase of a run.

use super::{a_restore_that, ends_with_its_one_job};
use crate::support::objects::Restore;
use crate::support::reading::{claim, is_finished, phase, reason};
use crate::support::world::World;
use futures::future::join_all;
use serde_json::{Value, json};
use testbed::proxy::{InForce, Moment, Rule, Trouble, Which};

/// Where a run is when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Its claim is under way.
    Pending,
    /// Its trigger is under way, and the answer will be lost.
    Claimed,
    Accepted,
    /// Its job runs, and the claim stands.
    Running,
    /// Its job runs, and the claim has been let go.
    Unclaimed,
    /// It has ended, and the claim stands.
    Ended,
    /// It has ended, and the claim has been let go.
    Over,
}

/// What somebody does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Erase,
    ApplyAgain,
    /// Puts the status back that the run had when it was in this phase.
    SetBack(&'static str),
}

const CASES: [(At, Act); 20] = [
    (At::Pending, Act::Erase),
    (At::Claimed, Act::Erase),
    (At::Accepted, Act::Erase),
    (At::Running, Act::Erase),
    (At::Unclaimed, Act::Erase),
    (At::Ended, Act::Erase),
    (At::Over, Act::Erase),
    (At::Pending, Act::ApplyAgain),
    (At::Claimed, Act::ApplyAgain),
    (At::Accepted, Act::ApplyAgain),
    (At::Running, Act::ApplyAgain),
    (At::Over, Act::ApplyAgain),
    (At::Accepted, Act::SetBack("Pending")),
    (At::Running, Act::SetBack("Pending")),
    (At::Running, Act::SetBack("Accepted")),
    (At::Unclaimed, Act::SetBack("Pending")),
    (At::Unclaimed, Act::SetBack("Accepted")),
    (At::Ended, Act::SetBack("Accepted")),
    (At::Over, Act::SetBack("Accepted")),
    (At::Over, Act::SetBack("Running")),
];

#[tokio::test(flavor = "multi_thread")]
async fn status_or_object_lost_in_any_phase_makes_no_second_job() {
    let world = World::builder("phases").behind_a_proxy().start().await;
    let lost = json!([{
        "match": {"operation": "TriggerRestore", "path": "-claimed-"},
        "count": 0,
        "action": {"when": "afterEffect", "delay": "PT90S", "reset": true},
    }]);
    world.azure.set_faults(lost).await;

    let runs = CASES.map(async |(at, act)| {
        let name = name_of(at, act);
        let restore = a_restore_of(&world, &name, at).await;
        let held = brought_to(&world, &restore, at).await;
        do_it(&world, &restore, act, held).await;
        let object = ends_with_its_one_job(&world, &name).await;
        (name, object)
    });

    for (name, object) in join_all(runs).await {
        let posts = world.azure.posts(&name).await;
        assert_eq!(posts.len(), 1, "{name}: {posts:#?} {object:#}");
    }
}

fn name_of(at: At, act: Act) -> String {
    let word = match act {
        Act::Erase => "erase".to_owned(),
        Act::ApplyAgain => "again".to_owned(),
        Act::SetBack(to) => format!("back-to-{to}"),
    };
    format!("{word}-{at:?}-").to_lowercase() + "x"
}

async fn a_restore_of(world: &World, name: &str, at: At) -> Restore {
    let duration = match at {
        At::Pending | At::Ended | At::Over => "30s",
        At::Claimed | At::Accepted | At::Running => "6m",
        At::Unclaimed => "18m",
    };
    let operation = json!({"inProgress": if at == At::Accepted { "150s" } else { "40s" }});
    let goes = json!({"duration": duration, "listDelay": "1m", "operation": operation});
    a_restore_that(world, name, goes).await
}

/// Applies the restore and waits until it is there; what holds it there must be released.
async fn brought_to(world: &World, restore: &Restore, at: At) -> Option<InForce> {
    let name = restore.name();
    let claims = Which::claim_of(name);
    let hold = Rule::new(claims, Trouble::Held(Moment::Before));
    let held = (at == At::Pending).then(|| world.proxy().rule(hold));
    world.apply(restore.json()).await;
    let until = async |what: &str, done: &dyn Fn(&Value) -> bool| {
        world.until(name, what, done).await;
    };
    match at {
        At::Pending => held.as_ref().expect("just made").reached(1).await,
        At::Claimed => {
            let made = async || world.azure.jobs(name).await.pop();
            crate::support::eventually("the job", 60, made).await;
        }
        At::Accepted => until("to be accepted", &|object| phase(object) == "Accepted").await,
        At::Running => until("to run", &|object| reason(object) == "JobRunning").await,
        At::Unclaimed => {
            let unclaimed =
                |object: &Value| reason(object) == "JobRunning" && claim(object).is_none();
            until("to run without a claim", &unclaimed).await;
        }
        At::Ended => until("to end", &is_finished).await,
        At::Over => {
            let over = |object: &Value| is_finished(object) && claim(object).is_none();
            until("to be over", &over).await;
        }
    }
    held
}

async fn do_it(world: &World, restore: &Restore, act: Act, held: Option<InForce>) {
    let name = restore.name();
    match act {
        Act::Erase => world.replace_status(name, None).await,
        Act::SetBack(to) => {
            let status = earlier(world, name, to);
            world.replace_status(name, Some(status)).await;
        }
        Act::ApplyAgain => {
            world.delete("VmRestore", name).await;
            if held.is_none() {
                world.gone(name).await;
            }
            world.apply(restore.json()).await;
        }
    }
    if let Some(held) = held {
        held.release();
    }
}

/// The last status in that phase that the controller has written for this restore.
fn earlier(world: &World, name: &str, phase: &str) -> Value {
    let end = format!("/{name}/status");
    let asked = world.proxy().asked();
    let writes = asked.iter().filter(|asked| asked.path.ends_with(&end));
    let statuses = writes.map(|asked| asked.json()["status"].clone());
    let mut of_phase = statuses.filter(|status| status["phase"] == phase);
    let last = of_phase.next_back();
    last.unwrap_or_else(|| panic!("{name} was never {phase}"))
}
