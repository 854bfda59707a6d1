//! A namespace is deleted while a restore of it is at work, and made again later with the same manifests.

use super::{a_restore_that, ends_with_its_one_job};
use crate::support::objects::a_reader_binding;
use crate::support::reading::{claim, message, phase, reason, text};
use crate::support::world::World;
use crate::support::{eventually, installed_control_plane};
use futures::future::join_all;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

/// Where the restore is when its namespace is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Its vault object is missing so far.
    Pending,
    /// Azure has accepted it, and its job is not known yet.
    Accepted,
    Running,
    /// Azure has accepted it and made nothing.
    Blocked,
}

/// When vault object, Secret and the right to read it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vault {
    First,
    Last,
}

struct Case {
    at: At,
    vault: Vault,
    namespace: String,
    /// Name of the restore and of its VM.
    name: String,
}

fn cases() -> Vec<Case> {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let case = |at: At, vault: Vault| {
        let name = format!("{at:?}-{vault:?}-x").to_lowercase();
        Case {
            at,
            vault,
            namespace: format!("gone-{name}-{}", &unique[..8]),
            name,
        }
    };
    let ats = [At::Pending, At::Accepted, At::Running, At::Blocked];
    let both = ats.map(|at| [case(at, Vault::First), case(at, Vault::Last)]);
    both.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_that_is_deleted_ends_and_made_again_its_restores_find_their_jobs() {
    if !testbed::assets::has_controller_manager().unwrap() {
        // Not through `println!`, which a test that passes keeps to itself.
        let _ = writeln!(
            std::io::stdout(),
            "skipped: deletion of namespaces needs kube-controller-manager (make controlplane)"
        );
        return;
    }
    let plane = installed_control_plane().await;
    plane.delete_namespaces().await.unwrap();
    let cases = cases();
    let namespaces: Vec<&str> = cases.iter().map(|case| case.namespace.as_str()).collect();
    let world = World::builder("gone").also(&namespaces).start().await;
    let nothing = |case: &Case| json!({"match": {"operation": "TriggerRestore", "path": case.name}, "action": {"answer": {"status": 202}}});
    let blocked = cases.iter().filter(|case| case.at == At::Blocked);
    world.azure.set_faults(blocked.map(nothing).collect()).await;

    join_all(cases.iter().map(async |case| play(&world, case).await)).await;
}

async fn play(all: &World, case: &Case) {
    let world = &all.in_namespace(&case.namespace);
    let name = case.name.as_str();
    // The namespace controller waits for 5 s, which are 5 min here, before it deletes anything. The job is known from its
    // operation and listed later, so that its claim still stands then.
    // That of an accepted one is listed before its window is over: a person who abandons it then does no harm.
    let (operation, late) = match case.at {
        At::Accepted => ("8m", "0s"),
        At::Pending | At::Running | At::Blocked => ("4s", "8m"),
    };
    let goes =
        json!({"duration": "12m", "listDelay": late, "operation": {"inProgress": operation}});
    let restore = a_restore_that(world, name, goes).await;
    make(world, case).await;
    let restore = match case.at {
        At::Pending => restore.of_vault("missing"),
        At::Accepted | At::Running | At::Blocked => restore,
    };
    world.apply(restore.json()).await;
    let before = brought_to(world, case).await;

    delete_namespace(world).await;
    tells_why_it_waits(world, case).await;
    hold(world, false).await;
    eventually("the namespace to go", 60, async || {
        world
            .get("Namespace", &case.namespace)
            .await
            .is_none()
            .then_some(())
    })
    .await;
    let jobs = world.azure.jobs(name).await;

    make(world, case).await;
    hold(world, false).await;
    let restore = restore.of_vault("vault");
    world.apply(restore.json()).await;
    let object = ends_with_its_one_job(world, name).await;

    if let Some(id) = jobs.first() {
        assert_eq!(text(&object, "/job/id"), id, "{name}");
    }
    if case.at != At::Pending {
        assert_eq!(text(&object, "/runKey"), text(&before, "/runKey"), "{name}");
    }
    let posts = if case.at == At::Blocked { 2 } else { 1 };
    assert_eq!(world.azure.posts(name).await.len(), posts, "{name}");
}

/// Namespace, vault object, Secret and the right to read it.
async fn make(world: &World, case: &Case) {
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": case.namespace}});
    world.apply(&namespace).await;
    world.apply(&a_reader_binding(&case.namespace)).await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world.add_vault(&world.vault("vault"), &secret).await;
    hold(world, case.vault == Vault::Last).await;
}

/// Keeps vault object, Secret and right in a namespace that is being deleted, or lets them go.
async fn hold(world: &World, held: bool) {
    let finalizers = if held {
        json!(["example.com/held"])
    } else {
        Value::Null
    };
    let patch = json!({"metadata": {"finalizers": finalizers}});
    for (kind, name) in [
        ("RecoveryServicesVault", "vault"),
        ("Secret", "vault-credentials"),
        ("RoleBinding", "vmrestore-credentials-reader"),
    ] {
        world.patch_if_there(kind, name, &patch).await;
    }
}

async fn brought_to(world: &World, case: &Case) -> Value {
    let there = |object: &Value| match case.at {
        At::Pending => reason(object) == "VaultNotFound",
        At::Accepted => phase(object) == "Accepted",
        At::Running => reason(object) == "JobRunning",
        At::Blocked => reason(object) == "TriggerOutcomeUnknown",
    };
    let what = format!("to be {:?}", case.at);
    world.until(&case.name, &what, there).await
}

async fn delete_namespace(world: &World) {
    world.delete("Namespace", world.namespace()).await;
}

/// How many looks in a row may see a deletion that waits and does not say why. There are five in a second, which is a minute
/// for the controller. They are counted, and not timed: where the machine is slow, they are too.
const SILENT_LOOKS: u32 = 10;

/// Watches the deletion of the restore until it is over, and sees to it that its status never keeps silent. Where it waits
/// for a person, the person does what it says.
async fn tells_why_it_waits(world: &World, case: &Case) {
    let mut silent = 0;
    for _ in 0..500 {
        let Some(object) = world.get("VmRestore", &case.name).await else {
            return;
        };
        let said = message(&object);
        let claim = claim(&object).unwrap_or_default();
        let abandon = claim.replace("1/", "abandon:");
        let asks = phase(&object) == "Blocked" && said.contains(&abandon);
        let tells = said.contains("the deletion waits until") || asks;
        let waits = object["metadata"]["deletionTimestamp"].is_string();
        silent = if waits && !tells { silent + 1 } else { 0 };
        assert!(silent <= SILENT_LOOKS, "waits in silence: {object:#}");
        if waits && asks {
            assert!(case.at != At::Running, "{object:#}");
            world.annotate(&case.name, RESOLVE, &abandon).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{} does not go", case.name);
}
