//! Carries out the events of a schedule. Each runs by itself, so that the next one is on time.

use super::insisting::{insisting, signal};
use super::kind;
use super::schedule::{NAMESPACES, Schedule, What, Which};
use super::stage::{CLAIM, Slot, Stage, VAULT_OBJECT};
use crate::{TestbedError, chain};
use kube::api::{DeleteParams, Patch, PatchParams};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A process that was stopped runs at least so long before it is stopped again: what it had begun comes to its end.
const BETWEEN_FREEZES: Duration = Duration::from_secs(3);

/// Longest wait for an object that is being deleted: the calm at the end resolves what waits for a person.
const DELETED_WITHIN: Duration = Duration::from_secs(3600);

/// Carries out one event and counts it; what cannot be done is noted.
pub async fn carry_out(stage: &Stage, position: usize, what: &What) {
    match perform(stage, position, what).await {
        Ok(name) => stage.tally.done(name),
        Err(error) => stage
            .tally
            .failed(format!("event {position} ({what}): {}", chain(&error))),
    }
}

async fn perform(
    stage: &Stage,
    position: usize,
    what: &What,
) -> Result<&'static str, TestbedError> {
    match what {
        What::Create(run) => stage.create(*run).await.map(|()| "created"),
        What::Faults(rules) => {
            stage.emulator.set_faults(&json!({"rules": rules})).await?;
            Ok("faults of Azure")
        }
        What::Kill { which, down } => {
            let mut slot = stage.slot(*which).lock().await;
            kill(&mut slot, *down).await
        }
        What::KillBoth { down } => kill_both(stage, *down).await.map(|()| "both down"),
        What::Freeze { which, pause } => {
            let slot = stage.slot(*which).lock().await;
            Ok(freeze(&slot, *pause).await)
        }
        What::SecondController { stays } => {
            second(stage, *stays).await.map(|()| "second controller")
        }
        What::PauseApiServer { pause } => {
            signal(stage.plane.pid(), Signal::STOP);
            tokio::time::sleep(*pause).await;
            signal(stage.plane.pid(), Signal::CONT);
            Ok("API server stopped")
        }
        What::WrongSecret { namespace, lasts } => {
            write_secret(stage, *namespace, "wrong").await?;
            tokio::time::sleep(*lasts).await;
            write_secret(stage, *namespace, &stage.secret()).await?;
            Ok("wrong secret")
        }
        What::VaultGone { namespace, lasts } => {
            stage.delete_vault(*namespace).await?;
            tokio::time::sleep(*lasts).await;
            stage.apply_vault(*namespace).await?;
            Ok("vault object gone")
        }
        What::NoRole { lasts } => {
            stage
                .change_identity(|identity| identity.role = "none")
                .await?;
            tokio::time::sleep(*lasts).await;
            stage
                .change_identity(|identity| identity.role = "owner")
                .await?;
            Ok("role missing")
        }
        What::RevokeTokens => stage.revoke_tokens().await.map(|()| "tokens revoked"),
        What::RotateSecret { follows } => rotate(stage, position, follows).await,
        What::IdsNotFilled { shows, lasts } => {
            stage.show_ids(shows).await?;
            tokio::time::sleep(*lasts).await;
            stage.show_ids("requestId").await?;
            Ok("ids not filled")
        }
        What::Relabel { namespace } => relabel(stage, position, *namespace).await,
        What::CutConnections { to_azure } => {
            let wire = if *to_azure {
                &stage.azure
            } else {
                &stage.kubernetes
            };
            wire.cut();
            Ok("connections cut")
        }
        What::EraseStatus { run, by_replace } => {
            if *by_replace {
                stage.write_status(*run, &json!({})).await?;
            } else {
                stage.write_status(*run, &Value::Null).await?;
            }
            Ok("status erased")
        }
        What::RollBackStatus { run } => roll_back(stage, *run).await,
        What::GarbleStatus { run } => {
            let garbled =
                json!({"phase": "Imagined", "attempts": [{"number": 99}], "finished": true});
            stage.write_status(*run, &garbled).await?;
            Ok("status garbled")
        }
        What::SpoilClaim { run, remove } => spoil_claim(stage, *run, *remove).await,
        What::Delete { run, again_after } => delete(stage, *run, *again_after).await,
        What::StartBy { run, minutes } => {
            let spec = json!({"spec": {"startBy": stage.in_minutes(*minutes)}});
            stage.patch(*run, &spec).await.map(|()| "startBy set")
        }
        What::EditControl {
            run,
            retry_limit,
            timeout,
        } => {
            // A job that hangs ends a run only by this time-out.
            let hangs = stage.run(*run).kind == kind::Kind::Hangs;
            let timeout = if hangs {
                stage.run(*run).run_timeout
            } else {
                timeout
            };
            let spec = json!({"spec": {"retryLimit": retry_limit, "timeouts": {"run": timeout}}});
            stage.patch(*run, &spec).await.map(|()| "control edited")
        }
        What::ConflictStorm { run, edits } => {
            for edit in 0..*edits {
                let note =
                    json!({"metadata": {"annotations": {"example.com/edit": edit.to_string()}}});
                stage.patch(*run, &note).await?;
            }
            Ok("conflict storms")
        }
        What::MachineAppears { run } => machine_appears(stage, *run).await,
    }
}

/// Whoever made it: perhaps the request whose answer was lost.
async fn machine_appears(stage: &Stage, run: usize) -> Result<&'static str, TestbedError> {
    let planned = stage.run(run);
    let Some(machine) = &planned.makes else {
        return Ok("no machine to make");
    };
    let vault = kind::vault_of(planned.namespace);
    let body = kind::machine_in_the_way(machine);
    stage.emulator.put_machine(vault, &body).await?;
    Ok("machines in the way")
}

async fn kill(slot: &mut Slot, down: Duration) -> Result<&'static str, TestbedError> {
    let wanted = slot.wanted;
    let Some(controller) = slot.controller.as_mut().filter(|_| wanted) else {
        return Ok("nothing to kill");
    };
    if controller.exit().await?.is_none() {
        controller.kill().await?;
    }
    tokio::time::sleep(down).await;
    controller.restart().await.map(|()| "kills")
}

async fn kill_both(stage: &Stage, down: Duration) -> Result<(), TestbedError> {
    let mut first = stage.first.lock().await;
    let mut second = stage.second.lock().await;
    for slot in [&mut first, &mut second] {
        if let Some(controller) = &slot.controller
            && controller.exit().await?.is_none()
        {
            controller.kill().await?;
        }
    }
    tokio::time::sleep(down).await;
    for slot in [&mut first, &mut second] {
        let wanted = slot.wanted;
        if let Some(controller) = slot.controller.as_mut().filter(|_| wanted) {
            controller.restart().await?;
        }
    }
    Ok(())
}

async fn freeze(slot: &Slot, pause: Duration) -> &'static str {
    let Some(controller) = slot.controller.as_ref().filter(|_| slot.wanted) else {
        return "nothing to freeze";
    };
    signal(controller.pid(), Signal::STOP);
    tokio::time::sleep(pause).await;
    signal(controller.pid(), Signal::CONT);
    tokio::time::sleep(BETWEEN_FREEZES).await;
    "freezes"
}

/// A second controller for a while; it ends by SIGKILL, as everything here.
async fn second(stage: &Stage, stays: Duration) -> Result<(), TestbedError> {
    {
        let mut slot = stage.second.lock().await;
        slot.wanted = true;
        match slot.controller.as_mut() {
            Some(controller) => controller.restart().await?,
            None => slot.controller = Some(stage.another_controller().await?),
        }
    }
    tokio::time::sleep(stays).await;
    let mut slot = stage.second.lock().await;
    slot.wanted = false;
    if let Some(controller) = &slot.controller
        && controller.exit().await?.is_none()
    {
        controller.kill().await?;
    }
    Ok(())
}

/// Another client secret in Azure, named after the event, and later in each namespace.
async fn rotate(
    stage: &Stage,
    position: usize,
    follows: &[Duration],
) -> Result<&'static str, TestbedError> {
    let secret = format!("{}-{position}", kind::SECRET);
    stage
        .change_identity(|identity| identity.secret.clone_from(&secret))
        .await?;
    stage.revoke_tokens().await?;
    let followed = follows.iter().enumerate().map(async |(namespace, pause)| {
        tokio::time::sleep(*pause).await;
        write_secret(stage, namespace, &stage.secret()).await
    });
    futures::future::try_join_all(followed).await?;
    Ok("secrets rotated")
}

/// As `kubectl label vmrestores --all` does, but all at once.
async fn relabel(
    stage: &Stage,
    position: usize,
    namespace: usize,
) -> Result<&'static str, TestbedError> {
    let label = json!({"metadata": {"labels": {"example.com/edit": position.to_string()}}});
    let objects = stage.objects().await?;
    let runs = objects.iter().filter_map(super::audit::outcome);
    let runs = runs.filter(|outcome| stage.run(outcome.run).namespace == namespace);
    let labelled = runs.map(|outcome| {
        let label = &label;
        async move { stage.patch(outcome.run, label).await }
    });
    futures::future::try_join_all(labelled).await?;
    Ok("namespaces relabelled")
}

/// Writes the client secret of a namespace's vault object.
pub async fn write_secret(
    stage: &Stage,
    namespace: usize,
    value: &str,
) -> Result<(), TestbedError> {
    let patch = json!({"stringData": {"clientSecret": value}});
    let name = format!("{VAULT_OBJECT}-credentials");
    insisting("write the secret", async || {
        let secrets = stage.secrets(namespace);
        let params = PatchParams::default();
        secrets
            .patch(&name, &params, &Patch::Merge(&patch))
            .await
            .map(drop)
    })
    .await
}

async fn roll_back(stage: &Stage, run: usize) -> Result<&'static str, TestbedError> {
    let earlier = stage
        .snapshots
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .get(&run)
        .cloned();
    let Some(status) = earlier else {
        return Ok("no status to set back");
    };
    stage
        .write_status(run, &status)
        .await
        .map(|()| "status set back")
}

/// Takes away or garbles what the claim says, while its finalizer stays.
async fn spoil_claim(
    stage: &Stage,
    run: usize,
    remove: bool,
) -> Result<&'static str, TestbedError> {
    let claimed = stage
        .object(run)
        .await?
        .is_some_and(|object| object["metadata"]["annotations"][CLAIM].is_string());
    if !claimed {
        return Ok("no claim to spoil");
    }
    let text = if remove {
        Value::Null
    } else {
        json!("what/ever")
    };
    let patch = json!({"metadata": {"annotations": {CLAIM: text}}});
    stage.patch(run, &patch).await.map(|()| "claims spoilt")
}

async fn delete(
    stage: &Stage,
    run: usize,
    again_after: Option<Duration>,
) -> Result<&'static str, TestbedError> {
    let name = Schedule::name_of(run);
    insisting("delete a VmRestore", async || {
        match stage
            .objects_of(run)
            .delete(&name, &DeleteParams::default())
            .await
        {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    })
    .await?;
    let Some(pause) = again_after else {
        return Ok("deleted for good");
    };
    let give_up = Instant::now() + DELETED_WITHIN;
    while stage
        .object(run)
        .await?
        .is_some_and(|object| object["metadata"]["deletionTimestamp"].is_string())
    {
        if Instant::now() > give_up {
            return Err(TestbedError::TimedOut {
                what: format!("{}/{name} to go away", NAMESPACES[stage.run(run).namespace]),
                seconds: DELETED_WITHIN.as_secs(),
                log: String::new(),
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    tokio::time::sleep(pause).await;
    stage
        .create(run)
        .await
        .map(|()| "deleted and applied again")
}

/// Ends all trouble: Azure is well again, every secret and role is right, nothing is stopped, the first controller runs alone.
pub async fn make_calm(stage: &Stage) -> Result<(), TestbedError> {
    // The last events may just be on their way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(stage.plane.pid(), Signal::CONT);
    stage.emulator.clear_faults().await?;
    stage
        .change_identity(|identity| identity.role = "owner")
        .await?;
    stage.show_ids("requestId").await?;
    for namespace in 0..NAMESPACES.len() {
        stage.apply_vault(namespace).await?;
        write_secret(stage, namespace, &stage.secret()).await?;
    }
    for which in [Which::First, Which::Second] {
        let mut slot = stage.slot(which).lock().await;
        slot.wanted = which == Which::First;
        let Some(controller) = slot.controller.as_mut() else {
            continue;
        };
        signal(controller.pid(), Signal::CONT);
        match (which, controller.exit().await?) {
            (Which::First, Some(_)) => controller.restart().await?,
            (Which::Second, None) => controller.kill().await.map(drop)?,
            (Which::First, None) | (Which::Second, Some(_)) => {}
        }
    }
    for run in stage.schedule.calm_from..stage.schedule.runs.len() {
        stage.create(run).await?;
    }
    Ok(())
}
