//! What speaks against a recovery point, rule by rule (CONTRACT 6).
//!
//! The first six are about the point itself: nobody can restore from it. The others are wishes of the object, which another
//! object may not have. A point is judged by the first rule that it breaks, in this order.

use jiff::Timestamp;

use super::super::facts::{RecoveryPoint, Tier};
use super::selector::{Consistency, Criteria, StorageTier};

/// A rule that a point can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// It is a point of a virtual machine.
    Kind,
    /// Its time can be read.
    Time,
    /// It is not soft-deleted.
    SoftDeletion,
    /// It has not expired.
    Expiry,
    /// The machine had managed disks: Azure has retired the others.
    ManagedDisks,
    /// One of its copies can be read.
    Copy,
    /// One of its copies can be read without being rehydrated first, or rehydration was asked for.
    Archive,
    /// It was taken at or before `atOrBefore`.
    AtOrBefore,
    /// It was not taken before `notBefore`.
    NotBefore,
    /// It is at least as consistent as `minConsistency`.
    MinConsistency,
    /// It has a copy in `tier`.
    Tier,
}

impl Rule {
    /// All of them, in the order in which they judge.
    pub const ALL: [Self; 11] = [
        Self::Kind,
        Self::Time,
        Self::SoftDeletion,
        Self::Expiry,
        Self::ManagedDisks,
        Self::Copy,
        Self::Archive,
        Self::AtOrBefore,
        Self::NotBefore,
        Self::MinConsistency,
        Self::Tier,
    ];

    /// Whether another object could take a point that breaks this rule.
    pub fn depends_on_the_object(self) -> bool {
        match self {
            Self::Kind
            | Self::Time
            | Self::SoftDeletion
            | Self::Expiry
            | Self::ManagedDisks
            | Self::Copy => false,
            Self::Archive
            | Self::AtOrBefore
            | Self::NotBefore
            | Self::MinConsistency
            | Self::Tier => true,
        }
    }
}

/// What a choice rests on besides the points and the criteria.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The time of the choice.
    pub now: Timestamp,
    /// Whether an archived point may be rehydrated for this restore.
    pub may_rehydrate: bool,
}

/// The rules that a point breaks, in their order.
pub fn broken(point: &RecoveryPoint, criteria: &Criteria, terms: Terms) -> Vec<Rule> {
    Rule::ALL
        .into_iter()
        .filter(|rule| breaks(*rule, point, criteria, terms))
        .collect()
}

fn breaks(rule: Rule, point: &RecoveryPoint, criteria: &Criteria, terms: Terms) -> bool {
    match rule {
        Rule::Kind => {
            let kind = &point.object_type;
            !kind.is_empty() && !kind.eq_ignore_ascii_case("IaasVMRecoveryPoint")
        }
        Rule::Time => point.time.is_none(),
        Rule::SoftDeletion => point.soft_deleted == Some(true),
        Rule::Expiry => point.expires.is_some_and(|expires| expires <= terms.now),
        Rule::ManagedDisks => point.managed == Some(false),
        // A list that says nothing of tiers is one of 2017; Azure itself then knows.
        Rule::Copy => {
            !point.tiers.is_empty() && !point.tiers.iter().any(|t| is_readable(t) || is_archived(t))
        }
        Rule::Archive => {
            !terms.may_rehydrate
                && point.tiers.iter().any(is_archived)
                && !point.tiers.iter().any(is_readable)
        }
        Rule::AtOrBefore => later(point.time, criteria.at_or_before),
        Rule::NotBefore => later(criteria.not_before, point.time),
        Rule::MinConsistency => criteria
            .min_consistency
            .is_some_and(|least| Consistency::parse(&point.consistency) < Some(least)),
        Rule::Tier => criteria
            .tier
            .is_some_and(|wanted| !point.tiers.iter().any(|tier| lies_in(tier, wanted))),
    }
}

fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one > other)
}

/// Whether Azure can read this copy as it is. Kinds that this version does not know are taken as readable when `Valid`.
fn is_readable(tier: &Tier) -> bool {
    let valid = tier.status.eq_ignore_ascii_case("Valid")
        && !tier.kind.eq_ignore_ascii_case("ArchivedRP")
        && !tier.kind.eq_ignore_ascii_case("Invalid");
    valid || tier.status.eq_ignore_ascii_case("Rehydrated")
}

/// Whether this copy can be read once it is rehydrated.
fn is_archived(tier: &Tier) -> bool {
    tier.kind.eq_ignore_ascii_case("ArchivedRP") && tier.status.eq_ignore_ascii_case("Valid")
}

/// Whether this copy can be used and lies in that tier. A rehydrated copy lies in the archive, and for a while in the vault.
fn lies_in(tier: &Tier, wanted: StorageTier) -> bool {
    let is = |kind: &str| tier.kind.eq_ignore_ascii_case(kind);
    let rehydrated = tier.status.eq_ignore_ascii_case("Rehydrated");
    let usable = rehydrated || tier.status.eq_ignore_ascii_case("Valid");
    usable
        && match wanted {
            // The second is of 2026: a snapshot whose disks can be used before they are copied (CONTRACT 1).
            StorageTier::Snapshot => is("InstantRP") || is("IASnapshotRP"),
            StorageTier::VaultStandard => is("HardenedRP") || (is("ArchivedRP") && rehydrated),
            StorageTier::VaultArchive => is("ArchivedRP"),
        }
}
