//! Chooses the recovery point and says why.

use jiff::Timestamp;

use super::facts::RecoveryPoint;
use super::ids::RecoveryPointName;
use super::record::{Candidate, ChosenPoint, Note, NoteKind};

/// How many points status shows.
const CANDIDATES: usize = 5;

/// Who asks, and under which circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Name of the VM, for messages.
    pub vm: &'a str,
    /// The time of the choice.
    pub now: Timestamp,
    /// Whether an archived point may be rehydrated for this restore.
    pub may_rehydrate: bool,
}

/// Chooses the newest usable point. Input order never matters: newest first by time, then by name.
///
/// # Errors
/// A note with how many points each rule rejected.
pub fn newest(points: &[RecoveryPoint], question: &Question<'_>) -> Result<ChosenPoint, Box<Note>> {
    let mut sorted: Vec<&RecoveryPoint> = points.iter().collect();
    sorted.sort_by(|a, b| order(b).cmp(&order(a)));
    let usable = sorted
        .iter()
        .filter(|point| defect(point, question).is_none())
        .count();
    let Some(chosen) = sorted
        .iter()
        .find(|point| defect(point, question).is_none())
    else {
        return Err(Box::new(Note {
            kind: NoteKind::NoRecoveryPoint,
            message: none_usable(&sorted, question),
        }));
    };
    let candidates = sorted
        .iter()
        .take(CANDIDATES)
        .map(|point| candidate(point, chosen, question))
        .collect();
    Ok(ChosenPoint {
        point: (*chosen).clone(),
        reason: format!("newest usable: {usable} of {} points qualify", points.len()),
        candidates,
    })
}

/// Takes the point that was named, if it can be restored from.
///
/// # Errors
/// A note that says what is wrong with it.
pub fn named(
    point: Option<RecoveryPoint>,
    name: &RecoveryPointName,
    question: &Question<'_>,
) -> Result<ChosenPoint, Box<Note>> {
    let vm = question.vm;
    let Some(point) = point else {
        return Err(Box::new(Note {
            kind: NoteKind::RecoveryPointNotFound,
            message: format!(
                "vm {vm} has no recovery point {name} (spec.recoveryPoint.name); list them with `az backup recoverypoint list` and create a new VmRestore with one of these names"
            ),
        }));
    };
    if let Some(defect) = defect(&point, question) {
        return Err(Box::new(Note {
            kind: NoteKind::RecoveryPointUnusable,
            message: format!(
                "recovery point {name} of vm {vm} (spec.recoveryPoint.name) cannot be restored from: {defect}; create a new VmRestore with another point"
            ),
        }));
    }
    Ok(ChosenPoint {
        reason: "named in spec.recoveryPoint.name".to_owned(),
        candidates: Vec::new(),
        point,
    })
}

fn order(point: &RecoveryPoint) -> (Option<Timestamp>, usize, &str) {
    let name = point.name.as_str();
    (point.time, name.len(), name)
}

/// Why a point cannot be restored from, or nothing.
fn defect(point: &RecoveryPoint, question: &Question<'_>) -> Option<String> {
    if !point.object_type.is_empty()
        && !point
            .object_type
            .eq_ignore_ascii_case("IaasVMRecoveryPoint")
    {
        return Some(format!(
            "it is a point of another kind ({})",
            point.object_type
        ));
    }
    if point.soft_deleted {
        return Some("it is soft-deleted".to_owned());
    }
    if let Some(expires) = point.expires.filter(|expires| *expires <= question.now) {
        return Some(format!("it expired at {expires}"));
    }
    if point.time.is_none() {
        return Some("its time cannot be read".to_owned());
    }
    let usable = |tier: &super::facts::Tier| {
        let archived = tier.kind.eq_ignore_ascii_case("ArchivedRP");
        (tier.status.eq_ignore_ascii_case("Valid") && (question.may_rehydrate || !archived))
            || tier.status.eq_ignore_ascii_case("Rehydrated")
    };
    if point.tiers.is_empty() || point.tiers.iter().any(usable) {
        return None;
    }
    if point.tiers.iter().any(|tier| {
        tier.kind.eq_ignore_ascii_case("ArchivedRP") && tier.status.eq_ignore_ascii_case("Valid")
    }) {
        return Some("it lies in the archive tier only and must be rehydrated first (target.rehydrate of a new VmRestore asks for that)".to_owned());
    }
    Some("no tier of it is Valid".to_owned())
}

fn candidate(point: &RecoveryPoint, chosen: &RecoveryPoint, question: &Question<'_>) -> Candidate {
    let verdict = match defect(point, question) {
        Some(defect) => defect,
        None if point.name == chosen.name => "chosen".to_owned(),
        None => "older than the chosen one".to_owned(),
    };
    Candidate {
        name: point.name.clone(),
        time: point.time,
        consistency: point.consistency.clone(),
        verdict,
    }
}

fn none_usable(sorted: &[&RecoveryPoint], question: &Question<'_>) -> String {
    let vm = question.vm;
    if sorted.is_empty() {
        return format!(
            "vm {vm} has no recovery point yet; wait for its first backup or start one, the restore goes on by itself"
        );
    }
    let mut rules: Vec<(String, usize)> = Vec::new();
    for point in sorted {
        let rule = defect(point, question).unwrap_or_default();
        let rule = rule.split(" at ").next().unwrap_or_default().to_owned();
        match rules.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((rule, 1)),
        }
    }
    let rules: Vec<String> = rules
        .into_iter()
        .map(|(rule, count)| format!("{count}: {rule}"))
        .collect();
    format!(
        "none of the {} recovery points of vm {vm} can be restored from ({}); wait for the next backup, the restore goes on by itself",
        sorted.len(),
        rules.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::facts::Tier;
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn question() -> Question<'static> {
        Question {
            vm: "web",
            now: now(),
            may_rehydrate: false,
        }
    }

    fn a_point(name: &str, time: &str) -> RecoveryPoint {
        RecoveryPoint {
            name: RecoveryPointName::new(name),
            object_type: "IaasVMRecoveryPoint".to_owned(),
            time: time.parse().ok(),
            consistency: "AppConsistent".to_owned(),
            tiers: vec![tier("InstantRP", "Valid")],
            soft_deleted: false,
            expires: None,
            managed: Some(true),
            details: Default::default(),
        }
    }

    fn tier(kind: &str, status: &str) -> Tier {
        Tier {
            kind: kind.to_owned(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn the_newest_usable_point_wins_and_says_why() {
        let mut deleted = a_point("3", "2025-03-03T00:00:00Z");
        deleted.soft_deleted = true;
        let points = [
            a_point("1", "2025-01-01T00:00:00Z"),
            deleted,
            a_point("2", "2025-02-02T00:00:00Z"),
        ];

        let chosen = newest(&points, &question()).unwrap();

        assert_eq!(chosen.point.name.as_str(), "2");
        assert_eq!(chosen.reason, "newest usable: 2 of 3 points qualify");
        let verdicts: Vec<_> = chosen
            .candidates
            .iter()
            .map(|c| c.verdict.as_str())
            .collect();
        assert_eq!(
            verdicts,
            ["it is soft-deleted", "chosen", "older than the chosen one"]
        );
    }

    #[test]
    fn what_makes_a_point_unusable() {
        let usable = a_point("1", "2025-01-01T00:00:00Z");
        let with = |change: fn(&mut RecoveryPoint)| {
            let mut point = usable.clone();
            change(&mut point);
            defect(&point, &question())
        };

        assert_eq!(defect(&usable, &question()), None);
        assert_eq!(
            with(|p| p.tiers.clear()),
            None,
            "an answer that does not say"
        );
        assert_eq!(
            with(|p| p.tiers = vec![tier("InstantRP", "Deleted"), tier("HardenedRP", "Valid")]),
            None
        );
        assert_eq!(
            with(|p| p.tiers = vec![tier("ArchivedRP", "Rehydrated")]),
            None
        );
        assert!(with(|p| p.tiers = vec![tier("InstantRP", "Deleted")]).is_some());
        assert!(
            with(|p| p.tiers = vec![tier("ArchivedRP", "Valid")])
                .unwrap()
                .contains("rehydrated")
        );
        let gone = with(|p| p.tiers = vec![tier("ArchivedRP", "Deleted")]).unwrap();
        assert!(!gone.contains("rehydrated"), "{gone}");
        let vault = with(|p| p.tiers = vec![tier("HardenedRP", "Disabled")]).unwrap();
        assert!(!vault.contains("rehydrated"), "{vault}");
        assert!(with(|p| p.object_type = "AzureFileShareRecoveryPoint".into()).is_some());
        assert!(with(|p| p.expires = Some("2025-12-31T23:59:59Z".parse().unwrap())).is_some());
        assert!(with(|p| p.time = None).is_some());
    }

    #[test]
    fn an_archived_point_qualifies_only_for_a_restore_that_rehydrates() {
        let mut point = a_point("1", "2025-01-01T00:00:00Z");
        point.tiers = vec![tier("ArchivedRP", "Valid"), tier("HardenedRP", "Deleted")];
        let rehydrating = Question {
            may_rehydrate: true,
            ..question()
        };

        let refused = named(Some(point.clone()), &point.name, &question()).unwrap_err();
        assert!(
            refused.message.contains("target.rehydrate"),
            "{}",
            refused.message
        );
        assert!(named(Some(point.clone()), &point.name, &rehydrating).is_ok());
        assert!(newest(&[point], &rehydrating).is_ok());
    }

    #[test]
    fn a_named_point_that_is_absent_or_unusable_says_what_to_do() {
        let name = RecoveryPointName::new("7");
        let mut gone = a_point("7", "2025-01-01T00:00:00Z");
        gone.soft_deleted = true;

        let absent = named(None, &name, &question()).unwrap_err();
        let unusable = named(Some(gone), &name, &question()).unwrap_err();

        assert_eq!(absent.kind, NoteKind::RecoveryPointNotFound);
        assert_eq!(unusable.kind, NoteKind::RecoveryPointUnusable);
        assert!(unusable.message.contains("soft-deleted"));
    }

    #[test]
    fn no_usable_point_counts_the_rules() {
        let mut deleted = a_point("1", "2025-01-01T00:00:00Z");
        deleted.soft_deleted = true;
        let points = [deleted.clone(), deleted];

        let note = newest(&points, &question()).unwrap_err();

        assert!(
            note.message.contains("2: it is soft-deleted"),
            "{}",
            note.message
        );
        assert!(
            newest(&[], &question())
                .unwrap_err()
                .message
                .contains("no recovery point yet")
        );
    }

    proptest! {
        #[test]
        fn input_order_never_matters(times in prop::collection::vec(0_i64..50, 0..20), seed: u64) {
            let points: Vec<_> = times.iter().enumerate().map(|(i, t)| {
                let mut point = a_point(&i.to_string(), "");
                point.time = Some(Timestamp::from_second(1_700_000_000 + t).unwrap());
                point.soft_deleted = t % 3 == 0;
                point
            }).collect();
            let mut shuffled = points.clone();
            let mut state = seed;
            for i in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                shuffled.swap(i, (state >> 33) as usize % (i + 1));
            }

            let oracle = points.iter().filter(|p| !p.soft_deleted)
                .max_by_key(|p| (p.time, p.name.as_str().len(), p.name.as_str().to_owned()))
                .map(|p| p.name.clone());

            prop_assert_eq!(newest(&shuffled, &question()).ok().map(|c| c.point.name), oracle);
        }
    }
}
