//! The item lock on a real API server: who takes it, who loses, and what a controller without rights may conclude.

use super::a_quick_restore;
use crate::support::world::World;
use jiff::Timestamp;
use testbed::ControlPlane;
use vmrestore::controller::item_lock::{ItemLeases, LockingObject, name_of};
use vmrestore::restore::ids::{ArmId, RunKey, Scope};
use vmrestore::restore::item_lock::{Holder, HolderState, Taker};
use vmrestore::restore::ports::{ItemLocks as _, StoreError};

const NAMESPACE: &str = "vmrestore-system";

fn vm(name: &str) -> ArmId {
    ArmId::new(format!(
        "/subscriptions/s/resourceGroups/locks/providers/Microsoft.Compute/virtualMachines/{name}"
    ))
}

fn run(n: u128) -> RunKey {
    uuid::Uuid::from_u128(n).to_string().parse().unwrap()
}

fn taker(vm: &ArmId, key: RunKey) -> Taker<'_> {
    Taker { vm, key, vault: vm }
}

/// A client with the rights of a ServiceAccount of the controller's namespace, which is its default one.
async fn client_of(plane: &ControlPlane, account: &str) -> kube::Client {
    let file = plane
        .kubeconfig_for_service_account(NAMESPACE, account)
        .await;
    let config = kube::config::Kubeconfig::read_from(file.unwrap()).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(config, &options).await;
    kube::Client::try_from(config.unwrap()).unwrap()
}

fn leases<'a>(
    client: &'a kube::Client,
    scope: &'a Scope,
    object: LockingObject<'a>,
) -> ItemLeases<'a> {
    ItemLeases {
        client,
        scope,
        object,
        now: Timestamp::now(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_lock_has_one_holder_and_goes_by_comparing_alone() {
    let world = World::start("lock").await;
    let plane = world.stage.plane;
    // With the controller's own rights, as it is deployed.
    let client = client_of(plane, "vmrestore-controller").await;
    let scope = Scope::new("test");
    let namespace = world.namespace().to_owned();
    let object = |name: &'static str| LockingObject {
        namespace: &namespace,
        name,
        uid: "u",
    };
    let (one, other) = (
        leases(&client, &scope, object("one")),
        leases(&client, &scope, object("other")),
    );
    let vm = vm(&namespace);

    // Both read a free lock: one of them takes it.
    let free = one.read_lock(&vm).await.unwrap();
    assert!(free.version.is_none() && free.holder.is_none(), "{free:?}");
    let (first, second) = futures::join!(
        one.take_lock(&free, taker(&vm, run(1))),
        other.take_lock(&free, taker(&vm, run(2)))
    );
    assert_eq!(
        [first.is_ok(), second.is_ok()]
            .iter()
            .filter(|ok| **ok)
            .count(),
        1
    );
    let lost = first.err().or(second.err());
    assert!(matches!(lost, Some(StoreError::Conflict)), "{lost:?}");
    let held = other.read_lock(&vm).await.unwrap();
    let holder = held.holder.clone().unwrap();
    let winner = if held.is_held_by(run(1)) {
        "one"
    } else {
        "other"
    };
    assert_eq!(
        (holder.namespace.as_str(), holder.name.as_str()),
        (namespace.as_str(), winner)
    );
    assert_eq!(
        holder.vault.as_ref(),
        Some(&vm),
        "the lock remembers the vault"
    );

    // What was read before somebody wrote it down again is no ground for a takeover or a release.
    let key = holder.key.unwrap();
    let holders = if winner == "one" { &one } else { &other };
    holders.take_lock(&held, taker(&vm, key)).await.unwrap();
    let takeover = other.take_lock(&held, taker(&vm, run(3))).await;
    assert!(
        matches!(takeover, Err(StoreError::Conflict)),
        "{takeover:?}"
    );
    let release = one.release_lock(&vm, &held).await;
    assert!(matches!(release, Err(StoreError::Conflict)), "{release:?}");
    assert!(one.read_lock(&vm).await.unwrap().is_held_by(key));

    // With the version that stands, both go through, once.
    let now = one.read_lock(&vm).await.unwrap();
    let takeovers = futures::join!(
        one.take_lock(&now, taker(&vm, run(4))),
        other.take_lock(&now, taker(&vm, run(5)))
    );
    assert!(takeovers.0.is_ok() != takeovers.1.is_ok(), "{takeovers:?}");
    let taken = one.read_lock(&vm).await.unwrap();
    one.release_lock(&vm, &taken).await.unwrap();
    let free = one.read_lock(&vm).await.unwrap();
    assert!(free.holder.is_none(), "{free:?}");
    // Released in between: not taken by what was read before.
    let late = other.take_lock(&taken, taker(&vm, run(6))).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");

    // Without rights nothing is known, of the lock or of its holder.
    let stranger = client_of(plane, "without-rights").await;
    let blind = leases(&stranger, &scope, object("one"));
    let read = blind.read_lock(&vm).await;
    assert!(matches!(read, Err(StoreError::Refused(_))), "{read:?}");
    let take = blind.take_lock(&free, taker(&vm, run(7))).await;
    assert!(matches!(take, Err(StoreError::Refused(_))), "{take:?}");
    let holder = |name: &str, key| Holder {
        key: Some(key),
        namespace: namespace.clone(),
        name: name.to_owned(),
        vault: None,
    };
    let nobody = holder("nobody", run(8));
    assert_eq!(blind.holder_state(&nobody).await, HolderState::Unknown);
    assert_eq!(one.holder_state(&nobody).await, HolderState::Gone);

    // A live object decides: it holds, it has let go, or another run has its name.
    let restore = a_quick_restore(&world, "lock-x").await;
    world.apply(restore.json()).await;
    let running = world.with_reason("lock-x", "JobRunning").await;
    let key: RunKey = running["status"]["runKey"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let its_own = holder("lock-x", key);
    assert_eq!(one.holder_state(&its_own).await, HolderState::Holds);
    assert_eq!(
        one.holder_state(&holder("lock-x", run(9))).await,
        HolderState::Gone
    );
    super::ends_with_its_one_job(&world, "lock-x").await;
    assert_eq!(one.holder_state(&its_own).await, HolderState::LetGo);
    world.delete("VmRestore", "lock-x").await;
    world.gone("lock-x").await;
    assert_eq!(one.holder_state(&its_own).await, HolderState::Gone);
    assert!(name_of(&vm).starts_with("vmrestore-item-"));
}
