//! The table of deliberate mistakes agrees with the code that it is about.

use std::collections::BTreeSet;

use testbed::mutations::{Breaks, Check, Invariant, rows};

use super::{expect_none, files, text};

#[test]
fn every_mistake_can_be_made_at_exactly_one_place() {
    let mut findings = Vec::new();
    for row in rows() {
        for edit in row.edits {
            let code = text(format!("src/restore/{}", edit.file));
            let count = code.matches(edit.text).count();
            if count != 1 {
                findings.push(format!("{}: {count} times in {}", row.name, edit.file));
            }
            if edit.text == edit.replacement {
                findings.push(format!("{}: changes nothing", row.name));
            }
        }
    }
    expect_none(
        &findings,
        "rows of testbed/src/mutations/rows whose text does not stand exactly once in its file:",
    );
}

#[test]
fn every_check_of_a_mistake_is_a_test() {
    let code: Vec<String> = files("src/restore", &[".rs"])
        .into_iter()
        .map(text)
        .collect();
    let mut findings = Vec::new();
    for row in rows() {
        for check in row.caught_by {
            let name = check.test();
            let found = match name.strip_suffix("::tests") {
                Some(module) => files("src/restore", &[".rs"]).iter().any(|path| {
                    let path = path.display().to_string();
                    path.contains(&format!("/{module}_tests.rs"))
                        || path.contains(&format!("/{module}_tests/"))
                }),
                None => code.iter().any(|code| code.contains(&format!("fn {name}"))),
            };
            let worlds = text("src/restore/exploration/worlds.rs");
            let is_there = |world| worlds.contains(&format!("name: \"{world}\","));
            if !found || !check.world().is_none_or(is_there) {
                findings.push(format!("{}: {check}", row.name));
            }
        }
        if row.caught_by.is_empty() {
            findings.push(format!("{}: no check", row.name));
        }
    }
    expect_none(&findings, "checks that are no tests of src/restore:");
}

#[test]
fn every_invariant_and_every_way_is_broken_by_a_mistake() {
    let broken: BTreeSet<Breaks> = rows().map(|row| row.breaks).collect();
    let mut findings: Vec<String> = Invariant::ALL
        .into_iter()
        .map(Breaks::Invariant)
        .filter(|breaks| !broken.contains(breaks))
        .map(|breaks| breaks.to_string())
        .collect();
    for way in 1..=13 {
        let by_its_own_test = rows().any(|row| {
            row.breaks == Breaks::Way(way)
                && row.caught_by.iter().any(
                    |check| matches!(check, Check::Test(name) if name.starts_with(&format!("way_{way}_"))),
                )
        });
        if !by_its_own_test {
            findings.push(format!("way {way}"));
        }
    }
    expect_none(
        &findings,
        "broken by no mistake, or not seen by its own test:",
    );
}
