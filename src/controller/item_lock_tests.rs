use serde_json::json;

use super::*;
use crate::restore::item_lock::state_of;
use crate::restore::record::{End, Mark, Run};

const VM: &str =
    "/subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/Web";

fn scope() -> Scope {
    Scope::new("test")
}

fn a_lease(holder: Option<&str>, annotations: serde_json::Value) -> Lease {
    serde_json::from_value(json!({
        "metadata": {"name": "l", "resourceVersion": "7", "annotations": annotations},
        "spec": {"holderIdentity": holder},
    }))
    .unwrap()
}

/// The object of a run that has chosen its point, and a change to its manifest.
fn a_run(change: impl FnOnce(&mut serde_json::Value)) -> Run {
    let mut object = json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
        "metadata": {"namespace": "team", "name": "web", "uid": "u"},
        "spec": {
            "vaultRef": {"name": "v"}, "sourceVirtualMachineId": VM, "recoveryType": "RestoreDisks",
            "target": {"storageAccountId": "/subscriptions/s/a"}
        },
        "status": {"observedGeneration": 1, "phase": "Pending", "vaultId": "/subscriptions/s/v",
            "runKey": "6f850b8b-6139-5075-9960-85492d97c141"}
    });
    change(&mut object);
    translate::run(&serde_json::from_value(object).unwrap(), None, &scope())
}

fn holder_of(run: &Run) -> Holder {
    Holder {
        key: Some(run.key),
        namespace: "team".to_owned(),
        name: "web".to_owned(),
        vault: None,
    }
}

#[test]
fn one_vm_has_one_lock_however_its_id_is_written() {
    let name = name_of(&ArmId::new(VM));

    assert_eq!(name, name_of(&ArmId::new(VM.to_uppercase())));
    assert_ne!(name, name_of(&ArmId::new(format!("{VM}2"))));
    assert_eq!(name, "vmrestore-item-7477bbbc-ef38-5599-9ec2-010a92cd38e3");
}

#[test]
fn a_lease_names_its_holder_or_nobody_who_can_be_asked() {
    let key = a_run(|_| {}).key;
    let named = json!({NAMESPACE: "team", NAME: "web"});
    let read = |holder, annotations| lock_of(&a_lease(holder, annotations));
    let text = key.to_string();

    let held = read(Some(text.as_str()), named.clone());
    assert!(held.is_held_by(key));
    assert_eq!(held.version.as_deref(), Some("7"));
    let holder = held.holder.unwrap();
    assert_eq!((holder.name.as_str(), holder.vault), ("web", None));
    let with_vault = json!({NAMESPACE: "team", NAME: "web", VAULT: "/subscriptions/s/v"});
    let remembered = read(Some(text.as_str()), with_vault).holder.unwrap().vault;
    assert_eq!(remembered, Some(ArmId::new("/subscriptions/S/V")));
    assert_eq!(read(None, named.clone()).holder, None);
    assert_eq!(read(Some(""), named.clone()).holder, None);
    for (holder, annotations) in [("somebody", named), (text.as_str(), json!({}))] {
        let held = read(Some(holder), annotations).holder.unwrap();
        assert_eq!(held.key, None, "{holder}: held, and never known to be gone");
    }
}

#[test]
fn a_holder_is_gone_or_has_let_go_only_when_its_object_says_so() {
    let run = a_run(|_| {});
    let holder = holder_of(&run);
    let state = |run: &Run| state_of(run, &holder);
    assert_eq!(state(&run), HolderState::Holds);

    let other =
        a_run(|object| object["status"]["runKey"] = json!("9002b687-e97a-513a-a944-59a5c926be93"));
    assert_eq!(state(&other), HolderState::Gone, "another run of that name");
    let new = a_run(|object| object["status"] = json!(null));
    assert_eq!(
        state(&new),
        HolderState::LetGo,
        "whoever it is, it must take the lock anew before it claims"
    );
    let claimed = a_run(|object| {
        object["status"] = json!(null);
        object["metadata"]["finalizers"] = json!([translate::FINALIZER]);
    });
    assert_eq!(
        state(&claimed),
        HolderState::Unknown,
        "a claim stands on it"
    );
    let garbled =
        a_run(|object| object["status"] = json!({"phase": 7, "vaultId": "/subscriptions/s/v"}));
    assert_eq!(state(&garbled), HolderState::Unknown);

    let mut ended = run.clone();
    ended.record.end = Some(End::Succeeded);
    assert_eq!(state(&ended), HolderState::LetGo);
    let mut deleted = run;
    deleted.deleting = true;
    assert_eq!(
        state(&deleted),
        HolderState::LetGo,
        "it can never claim again"
    );
    for mark in [
        Mark::Unreadable,
        Mark::Standing(crate::restore::record::Claim {
            attempt: 1,
            id: crate::restore::ids::ClaimId::new(Uuid::nil()),
        }),
    ] {
        ended.mark = mark;
        assert_eq!(state(&ended), HolderState::Holds, "{mark:?}");
    }
}
