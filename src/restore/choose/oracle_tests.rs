//! The choice against an oracle that was written apart from it: no sorting, no list of rules, every pair of points compared.

use proptest::prelude::*;

use super::super::facts::Tier;
use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn a_time() -> impl Strategy<Value = Timestamp> {
    // Few instants, so that times are shared and lie on both sides of now.
    (-6_i64..6).prop_map(|hour| Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap())
}

fn a_tier() -> impl Strategy<Value = Tier> {
    let kinds = ["InstantRP", "HardenedRP", "ArchivedRP", "IASnapshotRP", "9"];
    let statuses = ["Valid", "Valid", "Deleted", "Disabled", "Rehydrated", "5"];
    (
        prop::sample::select(kinds.to_vec()),
        prop::sample::select(statuses.to_vec()),
    )
        .prop_map(|(kind, status)| Tier {
            kind: kind.to_owned(),
            status: status.to_owned(),
        })
}

prop_compose! {
    fn a_point()(
        name in 1_u64..3_000,
        time in prop::option::weighted(0.95, a_time()),
        kind in prop::sample::select(&["IaasVMRecoveryPoint", "IaasVMRecoveryPoint", "IaasVMRecoveryPoint", "", "GenericRecoveryPoint"][..]),
        consistency in prop::sample::select(&["AppConsistent", "FileSystemConsistent", "CrashConsistent", "crashconsistent", "Other", ""][..]),
        tiers in prop::collection::vec(a_tier(), 0..4),
        soft_deleted in prop::sample::select(vec![None, Some(false), Some(false), Some(true)]),
        expires in prop::option::weighted(0.3, a_time()),
        managed in prop::sample::select(vec![None, Some(true), Some(true), Some(true), Some(false)]),
    ) -> RecoveryPoint {
        RecoveryPoint {
            name: RecoveryPointName::new(name.to_string()),
            object_type: kind.to_owned(),
            time,
            consistency: consistency.to_owned(),
            tiers,
            soft_deleted,
            expires,
            managed,
            details: Default::default(),
        }
    }
}

fn points() -> impl Strategy<Value = Vec<RecoveryPoint>> {
    prop::collection::vec(a_point(), 0..25).prop_map(|mut points| {
        let mut names = std::collections::HashSet::new();
        points.retain(|point| names.insert(point.name.clone()));
        points
    })
}

fn criteria() -> impl Strategy<Value = Criteria> {
    let least = [
        Consistency::AppConsistent,
        Consistency::FileSystemConsistent,
        Consistency::CrashConsistent,
    ];
    let tiers = [
        StorageTier::Snapshot,
        StorageTier::VaultStandard,
        StorageTier::VaultArchive,
    ];
    (
        prop::option::of(a_time()),
        prop::option::of(a_time()),
        prop::option::of(prop::sample::select(least.to_vec())),
        prop::option::of(prop::sample::select(tiers.to_vec())),
    )
        .prop_map(|(one, other, min_consistency, tier)| {
            // The API server lets no object through whose times are the wrong way round.
            let (not_before, at_or_before) = match (one, other) {
                (Some(one), Some(other)) => (Some(one.min(other)), Some(one.max(other))),
                either => either,
            };
            Criteria {
                at_or_before,
                not_before,
                min_consistency,
                tier,
            }
        })
}

fn a_question(may_rehydrate: bool) -> Question<'static> {
    Question {
        vm: "web",
        now: now(),
        may_rehydrate,
        listed: None,
    }
}

/// Whether a point may be taken, put together from CONTRACT 6 once more.
fn fits(point: &RecoveryPoint, wish: &Criteria, may_rehydrate: bool) -> bool {
    let Some(time) = point.time else {
        return false;
    };
    if point.object_type == "GenericRecoveryPoint"
        || point.soft_deleted.unwrap_or_default()
        || !point.managed.unwrap_or(true)
    {
        return false;
    }
    if let Some(end) = point.expires
        && end.as_second() <= now().as_second()
    {
        return false;
    }
    let copy = |kinds: &[&str], statuses: &[&str]| {
        point.tiers.iter().any(|tier| {
            kinds.contains(&tier.kind.as_str()) && statuses.contains(&tier.status.as_str())
        })
    };
    let anywhere = ["InstantRP", "HardenedRP", "ArchivedRP", "IASnapshotRP", "9"];
    let online = ["InstantRP", "HardenedRP", "IASnapshotRP", "9"];
    let readable = copy(&online, &["Valid"])
        || copy(&anywhere, &["Rehydrated"])
        || (may_rehydrate && copy(&["ArchivedRP"], &["Valid"]));
    if !point.tiers.is_empty() && !readable {
        return false;
    }
    let in_tier = match wish.tier {
        None => true,
        Some(StorageTier::Snapshot) => {
            copy(&["InstantRP", "IASnapshotRP"], &["Valid", "Rehydrated"])
        }
        Some(StorageTier::VaultStandard) => {
            copy(&["HardenedRP"], &["Valid", "Rehydrated"])
                || copy(&["ArchivedRP"], &["Rehydrated"])
        }
        Some(StorageTier::VaultArchive) => copy(&["ArchivedRP"], &["Valid", "Rehydrated"]),
    };
    let rank = match point.consistency.to_lowercase().as_str() {
        "appconsistent" => 3,
        "filesystemconsistent" => 2,
        "crashconsistent" => 1,
        _ => 0,
    };
    let wanted = match wish.min_consistency {
        None => 0,
        Some(Consistency::CrashConsistent) => 1,
        Some(Consistency::FileSystemConsistent) => 2,
        Some(Consistency::AppConsistent) => 3,
    };
    in_tier
        && rank >= wanted
        && wish.at_or_before.is_none_or(|last| time <= last)
        && wish.not_before.is_none_or(|first| time >= first)
}

fn number(point: &RecoveryPoint) -> u64 {
    point.name.as_str().parse().unwrap()
}

/// The one that no other fitting point beats.
fn oracle(points: &[RecoveryPoint], wish: &Criteria, may_rehydrate: bool) -> Option<RecoveryPoint> {
    let fitting = || points.iter().filter(|p| fits(p, wish, may_rehydrate));
    let beats = |a: &RecoveryPoint, b: &RecoveryPoint| {
        a.time > b.time || (a.time == b.time && number(a) > number(b))
    };
    fitting()
        .find(|one| !fitting().any(|other| beats(other, one)))
        .cloned()
}

fn shuffled(points: &[RecoveryPoint], mut state: u64) -> Vec<RecoveryPoint> {
    let mut points = points.to_vec();
    for i in (1..points.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        points.swap(i, (state >> 33) as usize % (i + 1));
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_choice_is_that_of_the_oracle(points in points(), wish in criteria(), may_rehydrate: bool) {
        let expected = oracle(&points, &wish, may_rehydrate);

        let chosen = newest(&points, &wish, &a_question(may_rehydrate));

        let fitting = points.iter().filter(|p| fits(p, &wish, may_rehydrate)).count();
        match (chosen, expected) {
            (Ok(chosen), Some(expected)) => {
                prop_assert_eq!(&chosen.point, &expected);
                let count = format!("{fitting} of {} points qualify", points.len());
                prop_assert!(chosen.reason.contains(&count), "{}", chosen.reason);
                prop_assert!(chosen.candidates.len() <= 5);
                prop_assert_eq!(chosen.candidates.len(), points.len().min(5));
                let taken: Vec<_> = chosen.candidates.iter().filter(|c| c.verdict == "chosen").collect();
                prop_assert!(taken.len() == 1 && taken[0].name == expected.name);
                for candidate in &chosen.candidates {
                    let point = points.iter().find(|p| p.name == candidate.name).unwrap();
                    let good = ["chosen", "older than the chosen one"].contains(&candidate.verdict.as_str());
                    prop_assert_eq!(good, fits(point, &wish, may_rehydrate), "{:?}", candidate);
                }
            }
            (Err(note), None) => prop_assert_eq!(note.kind, NoteKind::NoRecoveryPoint),
            (chosen, expected) => prop_assert!(false, "{chosen:?} for {expected:?}"),
        }
    }

    #[test]
    fn input_order_never_matters(points in points(), wish in criteria(), seed: u64) {
        let one = newest(&points, &wish, &a_question(false));
        let other = newest(&shuffled(&points, seed), &wish, &a_question(false));

        prop_assert_eq!(one.map_err(|note| *note), other.map_err(|note| *note));
    }

    #[test]
    fn a_list_that_azure_restricted_leads_to_the_same_point(points in points(), wish in criteria()) {
        let Some(window) = wish.window(now()) else {
            return Ok(());
        };
        let within: Vec<_> = points
            .iter()
            .filter(|p| p.time.is_some_and(|time| time >= window.from && time <= window.to))
            .cloned()
            .collect();

        let whole = newest(&points, &wish, &a_question(false)).ok();
        let part = newest(&within, &wish, &a_question(false)).ok();

        // A point that was taken later than now would be a clock that is wrong.
        prop_assert_eq!(part.map(|c| c.point), whole.map(|c| c.point));
    }

    #[test]
    fn the_rejections_add_up_to_all_points(points in points(), wish in criteria()) {
        if let Err(note) = newest(&points, &wish, &a_question(false)) {
            let counted: usize = note
                .message
                .split_once(" (")
                .and_then(|(_, rest)| rest.split_once("); ").map(|(counts, _)| counts).or(rest.strip_suffix(')')))
                .into_iter()
                .flat_map(|counts| counts.split(", "))
                .filter_map(|count| count.split(' ').next()?.parse::<usize>().ok())
                .sum();
            prop_assert_eq!(counted, points.len(), "{}", note.message);
        }
    }

    /// Whoever writes what the message says gets the point that it names.
    #[test]
    fn the_nearest_point_is_what_the_advice_leads_to(points in points(), wish in criteria(), may_rehydrate: bool) {
        let Err(note) = newest(&points, &wish, &a_question(may_rehydrate)) else {
            return Ok(());
        };
        let Some((_, said)) = note.message.split_once("the nearest is ") else {
            // No change of the object makes any of them fit.
            let any = points.iter().any(|p| fits(p, &Criteria::default(), true));
            prop_assert!(!any, "{}", note.message);
            return Ok(());
        };
        let name = said.split(' ').next().unwrap();
        let nearest = points.iter().find(|p| p.name.as_str() == name).unwrap();
        let mut better = wish;
        if said.contains("with recoveryPoint.atOrBefore") {
            better.at_or_before = nearest.time;
        }
        if said.contains("with recoveryPoint.notBefore") {
            better.not_before = nearest.time;
        }
        if said.contains("with recoveryPoint.minConsistency") {
            better.min_consistency = Consistency::parse(&nearest.consistency);
        }
        if said.contains("without recoveryPoint.minConsistency") {
            better.min_consistency = None;
        }
        if said.contains("without recoveryPoint.tier") {
            better.tier = None;
        }
        let rehydrated = may_rehydrate || said.contains("rehydrate it");

        let chosen = oracle(&points, &better, rehydrated);

        prop_assert_eq!(chosen.map(|p| p.name.to_string()), Some(name.to_owned()), "{}", note.message);
    }
}
