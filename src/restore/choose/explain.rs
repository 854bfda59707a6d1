//! Says for people why a point was chosen, why another was not, and what to write to get the nearest one.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::super::facts::RecoveryPoint;
use super::rules::Rule;
use super::selector::{Consistency, Criteria};
use super::{Judged, Question, order};

/// Why the chosen point won.
pub fn won(
    judged: &[Judged<'_>],
    chosen: &RecoveryPoint,
    criteria: &Criteria,
    question: &Question<'_>,
) -> String {
    let qualify = judged.iter().filter(|one| one.qualifies()).count();
    let (all, taken) = match question.listed {
        None => (judged.len().to_string(), String::new()),
        Some(between) => (format!("the {}", judged.len()), format!(" taken {between}")),
    };
    format!(
        "{}: {qualify} of {all} points{taken} qualify{}",
        wanted(criteria),
        unchecked(chosen)
    )
}

/// What was looked for: `newest AppConsistent at or before …`.
fn wanted(criteria: &Criteria) -> String {
    let Criteria {
        at_or_before,
        not_before,
        min_consistency,
        tier,
    } = criteria;
    let mut text = String::from("newest ");
    text += &match min_consistency {
        None => "usable".to_owned(),
        Some(Consistency::AppConsistent) => "AppConsistent".to_owned(),
        Some(least) => format!("{} or better", least.as_str()),
    };
    if let Some(tier) = tier {
        text += &format!(" in tier {}", tier.as_str());
    }
    if let Some(last) = at_or_before {
        text += &format!(" at or before {last}");
    }
    if let Some(first) = not_before {
        text += &format!(", not before {first}");
    }
    text
}

/// Which rules could not be checked for want of Azure's word. The api-version 2019-05-13 shows neither expiry nor soft
/// deletion; newer ones leave them out at times (recorded: s11).
pub fn unchecked(point: &RecoveryPoint) -> String {
    let mut rules = Vec::new();
    if point.soft_deleted.is_none() {
        rules.extend(["soft deletion", "expiry"]);
    }
    if point.tiers.is_empty() {
        rules.push("tiers");
    }
    if rules.is_empty() {
        return String::new();
    }
    format!(
        "; not checked, as Azure does not tell at this api-version: {}",
        rules.join(", ")
    )
}

/// Why a point that was not chosen was not.
pub fn verdict(judged: &Judged<'_>, criteria: &Criteria) -> String {
    if judged.qualifies() {
        return "older than the chosen one".to_owned();
    }
    let reasons: Vec<String> = judged
        .broken
        .iter()
        .map(|rule| defect(*rule, judged.point, criteria))
        .collect();
    reasons.join("; ")
}

/// What is wrong with a point that breaks a rule.
pub fn defect(rule: Rule, point: &RecoveryPoint, criteria: &Criteria) -> String {
    match rule {
        Rule::Kind => format!("it is a point of another kind ({})", point.object_type),
        Rule::Time => "its time cannot be read".to_owned(),
        Rule::SoftDeletion => "it is soft-deleted".to_owned(),
        Rule::Expiry => format!("it expired at {}", shown(point.expires)),
        Rule::ManagedDisks => "the vm had unmanaged disks, which Azure has retired".to_owned(),
        Rule::Copy => "none of its tiers is Valid".to_owned(),
        Rule::Archive => "it lies in the archive tier only and must be rehydrated first (target.rehydrate of a new VmRestore asks for that)".to_owned(),
        Rule::AtOrBefore => "it is later than atOrBefore".to_owned(),
        Rule::NotBefore => "it is older than notBefore".to_owned(),
        Rule::MinConsistency if point.consistency.is_empty() => {
            "its consistency is not known".to_owned()
        }
        Rule::MinConsistency => format!("it is only {}", point.consistency),
        Rule::Tier => format!("it has no usable copy in {}", tier_of(criteria)),
    }
}

/// Why no point qualifies, and what would.
pub fn none_qualifies(
    judged: &[Judged<'_>],
    criteria: &Criteria,
    question: &Question<'_>,
) -> String {
    let vm = question.vm;
    // A backup that is still to come is later than now.
    let may_still_come = criteria.at_or_before.is_none_or(|last| last > question.now);
    if judged.is_empty() && may_still_come {
        return format!(
            "vm {vm} has no recovery point yet; wait for its first backup or start one, the restore goes on by itself"
        );
    }
    let rejected = match judged.len() {
        0 => format!("vm {vm} has no recovery point"),
        all => format!(
            "none of the {all} recovery points of vm {vm} qualifies as {} ({})",
            wanted(criteria),
            rejections(judged, criteria)
        ),
    };
    let wait = "wait for the next backup, the restore goes on by itself";
    match (nearest(judged, criteria), may_still_come) {
        (Some(nearest), true) => format!("{rejected}; {}, or {wait}", advice(nearest)),
        (Some(nearest), false) => format!("{rejected}; {}", advice(nearest)),
        (None, true) => format!("{rejected}; {wait}"),
        (None, false) => format!(
            "{rejected}; a new backup will be later than that: create a new VmRestore with a later recoveryPoint.atOrBefore, or without it"
        ),
    }
}

/// How many points each rule rejected, by the first that they break.
fn rejections(judged: &[Judged<'_>], criteria: &Criteria) -> String {
    let counted = Rule::ALL.into_iter().filter_map(|rule| {
        let count = judged
            .iter()
            .filter(|one| one.broken.first() == Some(&rule))
            .count();
        (count > 0).then(|| format!("{count} {}", rejected_as(rule, criteria)))
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn rejected_as(rule: Rule, criteria: &Criteria) -> String {
    match rule {
        Rule::Kind => "of another kind".to_owned(),
        Rule::Time => "without a readable time".to_owned(),
        Rule::SoftDeletion => "soft-deleted".to_owned(),
        Rule::Expiry => "expired".to_owned(),
        Rule::ManagedDisks => "with unmanaged disks".to_owned(),
        Rule::Copy => "without a Valid tier".to_owned(),
        Rule::Archive => "in the archive tier only".to_owned(),
        Rule::AtOrBefore => "later than atOrBefore".to_owned(),
        Rule::NotBefore => "older than notBefore".to_owned(),
        Rule::MinConsistency => "below minConsistency".to_owned(),
        Rule::Tier => format!("without a usable copy in {}", tier_of(criteria)),
    }
}

/// The point that needs the fewest changes of the object; then the one nearest in time, then the most consistent of those
/// that are not consistent enough, then the newest. Whoever makes these changes gets this very point.
fn nearest<'a, 'b>(judged: &'b [Judged<'a>], criteria: &Criteria) -> Option<&'b Judged<'a>> {
    let distance = |point: &RecoveryPoint| {
        let beyond = |later: Option<Timestamp>, earlier: Option<Timestamp>| {
            later
                .zip(earlier)
                .map(|(later, earlier)| later.duration_since(earlier))
                .filter(|gap| gap.is_positive())
        };
        beyond(point.time, criteria.at_or_before)
            .or(beyond(criteria.not_before, point.time))
            .unwrap_or_default()
    };
    judged
        .iter()
        .filter(|one| one.broken.iter().all(|rule| rule.depends_on_the_object()))
        .min_by_key(|one| {
            let lacks_consistency = one.broken.contains(&Rule::MinConsistency);
            (
                one.broken.len(),
                distance(one.point),
                lacks_consistency.then(|| Reverse(Consistency::parse(&one.point.consistency))),
                Reverse(order(one.point)),
            )
        })
}

/// What to do to get a point that breaks some rules.
fn advice(nearest: &Judged<'_>) -> String {
    let point = nearest.point;
    let time = shown(point.time);
    let (mut with, mut without, mut first) = (Vec::new(), Vec::new(), "");
    for rule in &nearest.broken {
        match rule {
            Rule::AtOrBefore => with.push(format!("atOrBefore {time}")),
            Rule::NotBefore => with.push(format!("notBefore {time}")),
            Rule::MinConsistency => match Consistency::parse(&point.consistency) {
                Some(found) => with.push(format!("minConsistency {}", found.as_str())),
                None => without.push("minConsistency"),
            },
            Rule::Tier => without.push("tier"),
            Rule::Archive => first = "rehydrate it",
            // `nearest` offers no point that breaks one of these.
            Rule::Kind
            | Rule::Time
            | Rule::SoftDeletion
            | Rule::Expiry
            | Rule::ManagedDisks
            | Rule::Copy => {}
        }
    }
    let mut steps = Vec::new();
    if !first.is_empty() {
        steps.push(first.to_owned());
    }
    if !with.is_empty() || !without.is_empty() {
        let with = with
            .iter()
            .map(|field| format!("with recoveryPoint.{field}"));
        let without = without
            .iter()
            .map(|field| format!("without recoveryPoint.{field}"));
        let fields: Vec<String> = with.chain(without).collect();
        steps.push(format!("create a new VmRestore {}", fields.join(" and ")));
    }
    let consistency = match point.consistency.as_str() {
        "" => String::new(),
        word => format!(" ({word})"),
    };
    format!(
        "the nearest is {} of {time}{consistency}: to restore it {}",
        point.name,
        steps.join(" and ")
    )
}

fn tier_of(criteria: &Criteria) -> &'static str {
    criteria.tier.map_or("any tier", |tier| tier.as_str())
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}
