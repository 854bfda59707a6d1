//! What cannot be known is said, with the exact words by which a person decides.

use super::a_quick_restore;
use crate::support::reading::{claim, follows_the_table, message, phase, reason, text};
use crate::support::world::World;
use serde_json::{Value, json};

const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

/// Azure says 202 to the first trigger of that VM, names no operation and makes no job.
fn accepted_for_nothing(vm: &str) -> Value {
    json!({"match": {"operation": "TriggerRestore", "path": vm}, "action": {"answer": {"status": 202}}})
}

/// Applies the restore and waits until it is blocked; returns the id of its claim.
async fn blocked(world: &World, name: &str) -> String {
    let restore = a_quick_restore(world, name).await;
    world.apply(restore.json()).await;
    let object = world.with_reason(name, "TriggerOutcomeUnknown").await;
    follows_the_table(&object);
    assert_eq!(phase(&object), "Blocked");
    let claim = claim(&object).unwrap_or_else(|| panic!("no claim: {object:#}"));
    let id = claim.split_once('/').unwrap().1.to_owned();
    for word in [
        RESOLVE,
        &format!("retry:{id}"),
        &format!("adopt:{id}/"),
        &format!("abandon:{id}"),
    ] {
        assert!(
            message(&object).contains(word),
            "{word} is not in: {}",
            message(&object)
        );
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_trigger_without_a_job_waits_for_a_person_who_can_decide_in_three_ways() {
    let world = World::start("blocked").await;
    let names = ["b-retry", "b-adopt", "b-abandon", "b-delete"];
    world
        .azure
        .set_faults(names.map(accepted_for_nothing).to_vec().into())
        .await;

    let retry = async {
        let id = blocked(&world, "b-retry").await;
        world
            .annotate(
                "b-retry",
                RESOLVE,
                "retry:00000000-0000-4000-8000-000000000000",
            )
            .await;
        world.pass(jiff::SignedDuration::from_mins(2)).await;
        assert_eq!(
            world.azure.posts("b-retry").await.len(),
            1,
            "not this claim"
        );
        world
            .annotate("b-retry", RESOLVE, &format!("retry:{id}"))
            .await;
        let ended = world.ended("b-retry").await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        let posts = world.azure.posts("b-retry").await;
        assert_eq!(posts.len(), 2);
        assert_ne!(posts[0]["clientRequestId"], posts[1]["clientRequestId"]);
        assert_eq!(world.azure.jobs("b-retry").await.len(), 1);
    };
    let adopt = async {
        let id = blocked(&world, "b-adopt").await;
        // A job of that item which belongs to no run: that of an object which is gone.
        let other = crate::support::objects::a_restore("b-other", "testRG/b-adopt");
        let made = world.run(&other).await;
        let job = text(&made, "/job/id").to_owned();
        world
            .annotate("b-adopt", RESOLVE, &format!("adopt:{id}/{job}"))
            .await;
        world.pass(jiff::SignedDuration::from_mins(2)).await;
        let object = world.get("VmRestore", "b-adopt").await.unwrap();
        assert_eq!(
            phase(&object),
            "Blocked",
            "that job is another run's: {object:#}"
        );
        world.delete("VmRestore", "b-other").await;
        world.gone("b-other").await;
        let ended = world.ended("b-adopt").await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert_eq!(text(&ended, "/job/id"), job);
        assert_eq!(world.azure.jobs("b-adopt").await.len(), 1);
    };
    let abandon = async {
        let id = blocked(&world, "b-abandon").await;
        world
            .annotate("b-abandon", RESOLVE, &format!("abandon:{id}"))
            .await;
        let ended = world.ended("b-abandon").await;
        assert_eq!(
            (phase(&ended), reason(&ended)),
            ("Failed", "Abandoned"),
            "{ended:#}"
        );
        assert!(world.azure.jobs("b-abandon").await.is_empty());
        // Nothing is ever started while the annotation stands, also if the status is lost.
        world.replace_status("b-abandon", None).await;
        let ended = world.ended("b-abandon").await;
        assert_eq!(reason(&ended), "Abandoned", "{ended:#}");
        assert_eq!(world.azure.posts("b-abandon").await.len(), 1);
    };
    let delete = async {
        let id = blocked(&world, "b-delete").await;
        world.delete("VmRestore", "b-delete").await;
        world.pass(jiff::SignedDuration::from_mins(3)).await;
        let waiting = world.get("VmRestore", "b-delete").await;
        let waiting = waiting.expect("it is not deleted without a decision");
        let way_out = format!("abandon:{id}");
        assert!(message(&waiting).contains(&way_out), "{waiting:#}");
        world
            .annotate("b-delete", RESOLVE, &format!("abandon:{id}"))
            .await;
        world.gone("b-delete").await;
        assert!(world.azure.jobs("b-delete").await.is_empty());
    };

    futures::join!(retry, adopt, abandon, delete);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_trigger_without_an_attempt_left_waits_for_a_person() {
    let world = World::start("used-up").await;
    world
        .azure
        .once("TriggerRestore", json!({"reset": true}))
        .await;
    let restore = a_quick_restore(&world, "used-up")
        .await
        .with("retryLimit", 0);

    world.apply(restore.json()).await;
    let object = world.with_reason("used-up", "TriggerOutcomeUnknown").await;
    assert!(
        message(&object).contains("spec.retryLimit (0)"),
        "{}",
        message(&object)
    );
    let id = claim(&object)
        .unwrap()
        .split_once('/')
        .unwrap()
        .1
        .to_owned();
    world
        .annotate("used-up", RESOLVE, &format!("retry:{id}"))
        .await;
    let ended = world.ended("used-up").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("used-up").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_whose_jobs_carry_other_ids_is_broken_and_an_unknown_outcome_blocks() {
    let world = World::start("broken").await;
    // From the first list on, that job shows an id that nobody sent.
    let another = json!({"duration": "10m", "activityId": "another"});
    let vm = crate::support::azure::a_vm("broken", another);
    world.azure.put_vm(vm).await;
    world
        .apply(crate::support::objects::a_restore("broken", "testRG/broken").json())
        .await;
    let broken = |vault: &Value| vault["status"]["jobMatching"]["primary"] == "Broken";
    world
        .until_object("RecoveryServicesVault", "vault", "to be broken", broken)
        .await;
    let lost = json!([{"match": {"operation": "TriggerRestore"}, "action": {"reset": true}}]);
    world.azure.set_faults(lost).await;
    let restore = a_quick_restore(&world, "unknown").await;
    world.apply(restore.json()).await;
    let object = world.with_reason("unknown", "TriggerOutcomeUnknown").await;

    assert!(message(&object).contains("Broken"), "{}", message(&object));
    assert_eq!(world.azure.posts("unknown").await.len(), 1);
}
