//! What the job of an accepted restore comes to: what the scenario says, unless something is missing that only the job
//! notices.

use super::Context;
use super::effects;
use crate::scenario::catalogue::{
    self, ACCOUNT_ELSEWHERE, ACCOUNT_UNSUITED, ENCRYPTED_SELECTION, NO_COPY, NO_GROUP, NO_MACHINE,
    NO_NETWORK, NO_STORAGE_ACCOUNT, TARGET_EXISTS,
};
use crate::scenario::{Outcome, RecoveryPoint, RestoreBehaviour};
use crate::world::Requested;

/// The behaviour of a restore that has passed all checks of its request.
pub fn of(
    context: &Context<'_>,
    requested: &Requested,
    point: &RecoveryPoint,
    mut behaviour: RestoreBehaviour,
) -> RestoreBehaviour {
    if behaviour.refused.is_some() {
        return behaviour;
    }
    let unreadable = (!point.usable()).then_some(NO_COPY);
    // A scenario that says itself how the job ends is taken at its word.
    let missing = (behaviour.outcome == Outcome::Completed)
        .then(|| missing(context, requested, point))
        .flatten();
    if let Some(known) = unreadable.or(missing).and_then(catalogue::find) {
        behaviour.outcome = Outcome::Completed;
        behaviour.take(known);
    }
    behaviour
}

/// Code of the failure that is noticed late: recorded for the storage account after 53 minutes and more.
fn missing(
    context: &Context<'_>,
    requested: &Requested,
    point: &RecoveryPoint,
) -> Option<&'static str> {
    let scenario = &context.world.scenario;
    let Some(account) = scenario.storage_account(&requested.storage_account) else {
        return Some(NO_STORAGE_ACCOUNT);
    };
    let location = account.location.as_deref();
    if !location
        .unwrap_or(scenario.home_region())
        .eq_ignore_ascii_case(&requested.source.region)
    {
        return Some(ACCOUNT_ELSEWHERE);
    }
    if !account.suits(point.managed) {
        return Some(ACCOUNT_UNSUITED);
    }
    if let Some(group) = &requested.target_group_id {
        let mut parts = group.split('/').skip(2).step_by(2);
        let (subscription, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if !scenario.has_resource_group(subscription, name) {
            return Some(NO_GROUP);
        }
    }
    if point.encrypted && requested.luns.is_some() {
        return Some(ENCRYPTED_SELECTION);
    }
    if requested.is("OriginalLocation")
        && !effects::machine_exists(context.world, &requested.source.machine_id, context.now)
    {
        return Some(NO_MACHINE);
    }
    if let Some(subnet) = &requested.subnet_id
        && !has_subnet(context, subnet)
    {
        return Some(NO_NETWORK);
    }
    let target = requested.target_machine_id.as_ref()?;
    let exists = effects::machine_exists(context.world, target, context.now)
        || effects::is_being_made(context.world, target, context.now);
    exists.then_some(TARGET_EXISTS)
}

fn has_subnet(context: &Context<'_>, subnet: &str) -> bool {
    let networks = &context.world.scenario.virtual_networks;
    networks.iter().any(|network| {
        network
            .subnets
            .iter()
            .any(|name| format!("{}/subnets/{name}", network.id).eq_ignore_ascii_case(subnet))
    })
}
