//! The choice by example: each rule, order and ties, what is said.

use super::super::facts::Tier;
use super::explain;
use super::*;

const VM: &str = "web";

fn now() -> Timestamp {
    at("2026-01-01T00:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn asked() -> Question<'static> {
    Question {
        vm: VM,
        now: now(),
        may_rehydrate: false,
        listed: None,
    }
}

fn a_point(name: &str, time: &str) -> RecoveryPoint {
    RecoveryPoint {
        name: RecoveryPointName::new(name),
        object_type: "IaasVMRecoveryPoint".to_owned(),
        time: time.parse().ok(),
        consistency: "AppConsistent".to_owned(),
        tiers: vec![tier("InstantRP", "Valid")],
        soft_deleted: Some(false),
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

/// A point with one thing changed.
fn but(change: impl FnOnce(&mut RecoveryPoint)) -> RecoveryPoint {
    let mut point = a_point("1", "2025-01-01T00:00:00Z");
    change(&mut point);
    point
}

fn breaks(point: &RecoveryPoint, criteria: Criteria) -> Vec<Rule> {
    broken(point, &criteria, asked().terms())
}

fn name_of(chosen: Result<ChosenPoint, Box<Note>>) -> String {
    chosen.unwrap().point.name.to_string()
}

fn message_of(chosen: Result<ChosenPoint, Box<Note>>) -> String {
    let note = chosen.unwrap_err();
    assert_eq!(note.kind, NoteKind::NoRecoveryPoint);
    note.message
}

#[test]
fn the_newest_usable_point_wins_and_says_why() {
    let mut deleted = a_point("3", "2025-03-03T00:00:00Z");
    deleted.soft_deleted = Some(true);
    let points = [
        a_point("1", "2025-01-01T00:00:00Z"),
        deleted,
        a_point("2", "2025-02-02T00:00:00Z"),
    ];

    let chosen = newest(&points, &Criteria::default(), &asked()).unwrap();

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
fn each_rule_about_the_point_itself() {
    type Change = fn(&mut RecoveryPoint);
    let table: [(&str, Change, &[Rule]); 22] = [
        ("a good one", |_| {}, &[]),
        ("no kind told", |p| p.object_type.clear(), &[]),
        (
            "kind in another case",
            |p| p.object_type.make_ascii_uppercase(),
            &[],
        ),
        (
            "another kind",
            |p| p.object_type = "AzureFileShareRecoveryPoint".into(),
            &[Rule::Kind],
        ),
        ("no time", |p| p.time = None, &[Rule::Time]),
        (
            "soft-deleted",
            |p| p.soft_deleted = Some(true),
            &[Rule::SoftDeletion],
        ),
        ("its end is not told", |p| p.soft_deleted = None, &[]),
        (
            "expires later",
            |p| p.expires = Some(at("2026-01-01T00:00:00.1Z")),
            &[],
        ),
        ("expires now", |p| p.expires = Some(now()), &[Rule::Expiry]),
        (
            "expired",
            |p| p.expires = Some(at("2025-12-31T23:59:59Z")),
            &[Rule::Expiry],
        ),
        (
            "unmanaged",
            |p| p.managed = Some(false),
            &[Rule::ManagedDisks],
        ),
        ("managed is not told", |p| p.managed = None, &[]),
        ("no tiers told", |p| p.tiers.clear(), &[]),
        (
            "snapshot aged out",
            |p| p.tiers = vec![tier("InstantRP", "Deleted"), tier("HardenedRP", "Valid")],
            &[],
        ),
        (
            "snapshot deleted",
            |p| p.tiers = vec![tier("InstantRP", "Deleted")],
            &[Rule::Copy],
        ),
        (
            "vault copy disabled",
            |p| p.tiers = vec![tier("InstantRP", "Deleted"), tier("HardenedRP", "Disabled")],
            &[Rule::Copy],
        ),
        (
            "no tier at all",
            |p| p.tiers = vec![tier("Invalid", "Valid"), tier("InstantRP", "Invalid")],
            &[Rule::Copy],
        ),
        ("unknown tier", |p| p.tiers = vec![tier("7", "valid")], &[]),
        (
            "archived",
            |p| p.tiers = vec![tier("HardenedRP", "Deleted"), tier("ArchivedRP", "Valid")],
            &[Rule::Archive],
        ),
        (
            "archived with a snapshot",
            |p| p.tiers = vec![tier("InstantRP", "Valid"), tier("ArchivedRP", "Valid")],
            &[],
        ),
        (
            "rehydrated",
            |p| p.tiers = vec![tier("ArchivedRP", "Rehydrated")],
            &[],
        ),
        (
            "archive deleted",
            |p| p.tiers = vec![tier("ArchivedRP", "Deleted")],
            &[Rule::Copy],
        ),
    ];

    for (what, change, expected) in table {
        assert_eq!(
            breaks(&but(change), Criteria::default()),
            expected,
            "{what}"
        );
    }
}

#[test]
fn an_archived_point_is_taken_where_it_may_be_rehydrated() {
    let archived = but(|p| p.tiers = vec![tier("ArchivedRP", "Valid")]);
    let question = Question {
        may_rehydrate: true,
        ..asked()
    };

    let chosen = newest(
        std::slice::from_ref(&archived),
        &Criteria::default(),
        &question,
    );
    let by_name = named(Some(archived), &RecoveryPointName::new("1"), &question);

    assert_eq!(name_of(chosen), "1");
    assert!(by_name.is_ok());
}

#[test]
fn times_include_their_ends() {
    let point = a_point("1", "2025-01-01T00:00:00.5Z");
    for (at_or_before, not_before, expected) in [
        (None, None, vec![]),
        (Some("2025-01-01T00:00:00.5Z"), None, vec![]),
        (Some("2025-01-01T00:00:00Z"), None, vec![Rule::AtOrBefore]),
        (None, Some("2025-01-01T00:00:00.5Z"), vec![]),
        (None, Some("2025-01-01T00:00:01Z"), vec![Rule::NotBefore]),
        (
            Some("2025-01-01T00:00:00.5Z"),
            Some("2025-01-01T00:00:00.5Z"),
            vec![],
        ),
    ] {
        let criteria = Criteria {
            at_or_before: at_or_before.map(at),
            not_before: not_before.map(at),
            ..Criteria::default()
        };
        assert_eq!(breaks(&point, criteria), expected, "{criteria:?}");
    }
}

#[test]
fn consistency_is_a_least_one_and_unknown_words_fulfil_none() {
    use Consistency::{AppConsistent, CrashConsistent, FileSystemConsistent};
    for (word, least, fulfils) in [
        ("AppConsistent", AppConsistent, true),
        ("FileSystemConsistent", AppConsistent, false),
        ("CrashConsistent", AppConsistent, false),
        ("AppConsistent", FileSystemConsistent, true),
        ("filesystemconsistent", FileSystemConsistent, true),
        ("CrashConsistent", FileSystemConsistent, false),
        ("AppConsistent", CrashConsistent, true),
        ("CrashConsistent", CrashConsistent, true),
        ("SomethingNew", CrashConsistent, false),
        ("", CrashConsistent, false),
    ] {
        let criteria = Criteria {
            min_consistency: Some(least),
            ..Criteria::default()
        };
        let point = but(|p| p.consistency = word.to_owned());
        assert_eq!(
            breaks(&point, criteria).is_empty(),
            fulfils,
            "{word} for {least:?}"
        );
        assert_eq!(breaks(&point, Criteria::default()), [], "no wish, any word");
    }
}

#[test]
fn a_tier_filters_points_by_their_usable_copies() {
    use StorageTier::{Snapshot, VaultArchive, VaultStandard};
    for (tiers, fits) in [
        (vec![tier("InstantRP", "Valid")], vec![Snapshot]),
        (vec![tier("IASnapshotRP", "Valid")], vec![Snapshot]),
        (vec![tier("instantrp", "VALID")], vec![Snapshot]),
        (vec![tier("HardenedRP", "Valid")], vec![VaultStandard]),
        (
            vec![tier("InstantRP", "Valid"), tier("HardenedRP", "Valid")],
            vec![Snapshot, VaultStandard],
        ),
        (
            vec![tier("InstantRP", "Deleted"), tier("HardenedRP", "Valid")],
            vec![VaultStandard],
        ),
        (
            vec![tier("InstantRP", "Valid"), tier("ArchivedRP", "Valid")],
            vec![Snapshot, VaultArchive],
        ),
        (
            vec![tier("ArchivedRP", "Rehydrated")],
            vec![VaultStandard, VaultArchive],
        ),
        (vec![tier("Newer", "Valid")], vec![]),
        (vec![], vec![]),
    ] {
        for wanted in [Snapshot, VaultStandard, VaultArchive] {
            let criteria = Criteria {
                tier: Some(wanted),
                ..Criteria::default()
            };
            let point = but(|p| p.tiers = tiers.clone());
            let expected = match fits.contains(&wanted) {
                true => vec![],
                false => vec![Rule::Tier],
            };
            assert_eq!(
                breaks(&point, criteria),
                expected,
                "{wanted:?} of {tiers:?}"
            );
        }
    }
}

#[test]
fn ties_in_time_go_to_the_greater_number_and_then_to_the_later_text() {
    let same = "2025-01-01T00:00:00Z";
    for (names, wins) in [
        (["9", "10"], "10"),
        (["10", "9"], "10"),
        (["20982486783671", "3982486783671"], "20982486783671"),
        (["b", "a"], "b"),
    ] {
        let points = names.map(|name| a_point(name, same));
        let chosen = newest(&points, &Criteria::default(), &asked());
        assert_eq!(name_of(chosen), wins, "{names:?}");
    }
}

#[test]
fn the_reason_says_what_was_looked_for_and_among_what() {
    let points: Vec<_> = (1..=9)
        .map(|day| {
            let mut point = a_point(&day.to_string(), &format!("2025-01-0{day}T00:00:00Z"));
            if day % 2 == 0 {
                point.consistency = "CrashConsistent".to_owned();
            }
            point
        })
        .collect();
    let criteria = Criteria {
        at_or_before: Some(at("2025-01-06T12:00:00Z")),
        min_consistency: Some(Consistency::AppConsistent),
        ..Criteria::default()
    };
    let more = Criteria {
        not_before: Some(at("2025-01-02T00:00:00Z")),
        min_consistency: Some(Consistency::FileSystemConsistent),
        tier: Some(StorageTier::Snapshot),
        ..criteria
    };
    let listed = more.window(now());

    let chosen = newest(&points, &criteria, &asked()).unwrap();
    let of_a_part = newest(&points, &more, &Question { listed, ..asked() }).unwrap();

    assert_eq!(chosen.point.name.as_str(), "5");
    assert_eq!(
        chosen.reason,
        "newest AppConsistent at or before 2025-01-06T12:00:00Z: 3 of 9 points qualify"
    );
    assert_eq!(
        of_a_part.reason,
        "newest FileSystemConsistent or better in tier Snapshot at or before 2025-01-06T12:00:00Z, not before 2025-01-02T00:00:00Z: 2 of the 9 points taken from 2025-01-01T00:00:00Z to 2025-01-07T12:00:00Z qualify"
    );
}

#[test]
fn candidates_are_the_chosen_one_and_its_neighbours() {
    let points: Vec<_> = (1..=9)
        .map(|day| a_point(&day.to_string(), &format!("2025-01-0{day}T00:00:00Z")))
        .collect();
    for (last_day, shown) in [
        (9, ["9", "8", "7", "6", "5"]),
        (8, ["9", "8", "7", "6", "5"]),
        (6, ["9", "8", "7", "6", "5"]),
        (5, ["8", "7", "6", "5", "4"]),
        (2, ["5", "4", "3", "2", "1"]),
        (1, ["5", "4", "3", "2", "1"]),
    ] {
        let criteria = Criteria {
            at_or_before: Some(at(&format!("2025-01-0{last_day}T00:00:00Z"))),
            ..Criteria::default()
        };
        let chosen = newest(&points, &criteria, &asked()).unwrap();
        let names: Vec<_> = chosen.candidates.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, shown, "at or before day {last_day}");
        for candidate in &chosen.candidates {
            let day: i32 = candidate.name.as_str().parse().unwrap();
            let verdict = match day.cmp(&last_day) {
                std::cmp::Ordering::Greater => "it is later than atOrBefore",
                std::cmp::Ordering::Equal => "chosen",
                std::cmp::Ordering::Less => "older than the chosen one",
            };
            assert_eq!(candidate.verdict, verdict);
        }
    }
}

#[test]
fn rules_that_cannot_be_checked_are_named() {
    let old = but(|p| (p.soft_deleted, p.expires) = (None, None));
    let oldest = but(|p| {
        p.soft_deleted = None;
        p.tiers.clear();
    });

    let chosen = newest(&[old], &Criteria::default(), &asked()).unwrap();
    let by_name = named(Some(oldest), &RecoveryPointName::new("1"), &asked()).unwrap();

    assert_eq!(
        chosen.reason,
        "newest usable: 1 of 1 points qualify; not checked, as Azure does not tell at this api-version: soft deletion, expiry"
    );
    assert_eq!(
        by_name.reason,
        "named in spec.recoveryPoint.name; not checked, as Azure does not tell at this api-version: soft deletion, expiry, tiers"
    );
}

#[test]
fn a_named_point_that_is_absent_or_unusable_says_what_to_do() {
    let name = RecoveryPointName::new("7");
    let gone = but(|p| p.soft_deleted = Some(true));
    let timeless = but(|p| p.time = None);

    let absent = named(None, &name, &asked()).unwrap_err();
    let unusable = named(Some(gone), &name, &asked()).unwrap_err();

    assert_eq!(absent.kind, NoteKind::RecoveryPointNotFound);
    assert!(absent.message.contains("vm web has no recovery point 7"));
    assert_eq!(unusable.kind, NoteKind::RecoveryPointUnusable);
    assert!(unusable.message.contains("soft-deleted"));
    assert!(
        named(Some(timeless), &name, &asked()).is_ok(),
        "nothing has to be put in order"
    );
}

#[test]
fn a_machine_without_points_waits_for_its_first_backup_unless_that_would_be_too_late() {
    let past = Criteria {
        at_or_before: Some(at("2025-01-01T00:00:00Z")),
        ..Criteria::default()
    };

    let waits = message_of(newest(&[], &Criteria::default(), &asked()));
    let never = message_of(newest(&[], &past, &asked()));

    assert!(waits.contains("wait for its first backup"), "{waits}");
    assert!(
        !never.contains("wait") && never.contains("later recoveryPoint.atOrBefore"),
        "{never}"
    );
}

#[test]
fn when_none_qualifies_the_rules_are_counted_and_the_nearest_is_named() {
    let points = [
        but(|p| p.soft_deleted = Some(true)),
        a_point("4", "2025-06-05T06:06:00.5121087Z"),
        a_point("5", "2025-06-07T00:00:00Z"),
        but(|p| {
            p.consistency = "CrashConsistent".to_owned();
            p.name = RecoveryPointName::new("2");
        }),
    ];
    let criteria = Criteria {
        at_or_before: Some(at("2025-06-04T00:00:00Z")),
        min_consistency: Some(Consistency::AppConsistent),
        ..Criteria::default()
    };
    let only_dates = Criteria {
        not_before: Some(at("2025-06-01T00:00:00Z")),
        ..criteria
    };

    assert_eq!(
        message_of(newest(&points, &criteria, &asked())),
        "none of the 4 recovery points of vm web qualifies as newest AppConsistent at or before 2025-06-04T00:00:00Z (1 soft-deleted, 2 later than atOrBefore, 1 below minConsistency); the nearest is 2 of 2025-01-01T00:00:00Z (CrashConsistent): to restore it create a new VmRestore with recoveryPoint.minConsistency CrashConsistent"
    );
    let dates = message_of(newest(&points, &only_dates, &asked()));
    assert!(
        dates.contains("the nearest is 4 of 2025-06-05T06:06:00.5121087Z (AppConsistent): to restore it create a new VmRestore with recoveryPoint.atOrBefore 2025-06-05T06:06:00.5121087Z"),
        "{dates}"
    );
}

#[test]
fn a_wish_that_a_later_backup_may_fulfil_is_waited_for() {
    let archived = but(|p| p.tiers = vec![tier("ArchivedRP", "Valid")]);
    let unusable = but(|p| p.soft_deleted = Some(true));

    let nearest = message_of(newest(&[archived], &Criteria::default(), &asked()));
    let none = message_of(newest(&[unusable], &Criteria::default(), &asked()));

    assert!(
        nearest.contains("to restore it rehydrate it, or wait for the next backup"),
        "{nearest}"
    );
    assert!(
        none.ends_with("(1 soft-deleted); wait for the next backup, the restore goes on by itself"),
        "{none}"
    );
}

#[test]
fn the_longest_message_is_shorter_than_a_status_takes() {
    let kinds: [fn(&mut RecoveryPoint); 10] = [
        |p| p.object_type = "AzureFileShareRecoveryPoint".into(),
        |p| p.time = None,
        |p| p.soft_deleted = Some(true),
        |p| p.expires = Some(at("2025-12-31T23:59:59Z")),
        |p| p.managed = Some(false),
        |p| p.tiers = vec![tier("HardenedRP", "Disabled")],
        |p| p.time = Some(at("2027-01-01T00:00:00.123456789Z")),
        |p| p.time = Some(at("2020-01-01T00:00:00.123456789Z")),
        |p| p.consistency = "FileSystemConsistent".into(),
        |p| {
            p.time = Some(at("2025-01-01T00:00:00.123456789Z"));
            p.consistency = "CrashConsistent".into();
            p.tiers = vec![tier("ArchivedRP", "Valid")];
        },
    ];
    let points: Vec<_> = (0..9_990)
        .map(|n| {
            let mut point = but(kinds[n % kinds.len()]);
            point.name = RecoveryPointName::new(format!("1000000000000{n:05}"));
            point
        })
        .collect();
    let criteria = Criteria {
        at_or_before: Some(at("2026-06-01T00:00:00.123456789Z")),
        not_before: Some(at("2024-06-01T00:00:00.123456789Z")),
        min_consistency: Some(Consistency::AppConsistent),
        tier: Some(StorageTier::VaultStandard),
    };
    let vm = "v".repeat(64);
    let question = Question { vm: &vm, ..asked() };

    let message = message_of(newest(&points, &criteria, &question));

    // What is said of the next listing follows it.
    assert!(message.len() < 1024 - 120, "{} {message}", message.len());
    assert!(message.contains("the nearest is"), "{message}");
}

#[test]
fn azure_is_asked_for_a_part_only_where_the_object_bounds_it_at_both_ends() {
    let of = |not_before: Option<&str>, at_or_before: Option<&str>| {
        let criteria = Criteria {
            at_or_before: at_or_before.map(at),
            not_before: not_before.map(at),
            ..Criteria::default()
        };
        criteria.window(now()).map(|window| window.to_string())
    };

    assert_eq!(of(None, None), None);
    assert_eq!(of(None, Some("2025-06-04T00:00:00Z")), None);
    assert_eq!(
        of(Some("2025-06-01T00:00:00Z"), None).unwrap(),
        "from 2025-05-31T00:00:00Z to 2026-01-02T00:00:00Z"
    );
    assert_eq!(
        of(Some("2025-06-01T00:00:00Z"), Some("2025-06-04T00:00:00Z")).unwrap(),
        "from 2025-05-31T00:00:00Z to 2025-06-05T00:00:00Z"
    );
    assert_eq!(
        of(Some("2030-06-01T00:00:00Z"), None),
        None,
        "nothing is taken then"
    );
    assert_eq!(
        of(Some("1970-01-01T00:00:01Z"), None).unwrap(),
        "from 1970-01-01T00:00:00Z to 2026-01-02T00:00:00Z"
    );
    assert!(of(Some("9999-12-30T00:00:00Z"), Some("9999-12-30T22:00:00Z")).is_none());
}

#[test]
fn every_rule_has_words_of_its_own() {
    let criteria = Criteria {
        tier: Some(StorageTier::Snapshot),
        ..Criteria::default()
    };
    let point = but(|p| p.expires = Some(now()));
    let words: std::collections::BTreeSet<String> = Rule::ALL
        .into_iter()
        .map(|rule| explain::defect(rule, &point, &criteria))
        .collect();

    assert_eq!(words.len(), Rule::ALL.len(), "{words:?}");
}
