//! Rules for source files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{expect_none, files, root, text};

const LONGEST_FILE_LINES: usize = 400;

/// One row of the table at the top of `src/lib.rs`.
struct Row {
    may_import: BTreeSet<String>,
    io_allowed: bool,
}

struct Table {
    modules: BTreeMap<String, Row>,
    /// Paths that reach the world: crates, and parts of the standard library.
    io: Vec<String>,
}

fn table() -> Table {
    let doc: Vec<String> = text("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.trim().to_owned())
        .collect();

    let rows: Vec<Vec<&str>> = doc
        .iter()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let names: BTreeSet<String> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    let modules = rows
        .iter()
        .map(|row| {
            let may_import = match row[2] {
                "everything" => names.clone(),
                "nothing" => BTreeSet::new(),
                listed => quoted(listed).into_iter().collect(),
            };
            let row_of = Row {
                may_import,
                io_allowed: row[3] == "allowed",
            };
            (quoted(row[0]).remove(0), row_of)
        })
        .collect();

    let io = doc
        .iter()
        .skip_while(|line| !line.starts_with("IO crates:"))
        .take_while(|line| !line.is_empty())
        .flat_map(|line| quoted(line))
        .collect();
    Table { modules, io }
}

fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

#[test]
fn every_module_has_its_row_in_the_table() {
    let table = table();
    assert!(table.modules.contains_key("restore") && table.io.contains(&"tokio".to_owned()));

    let declared: Vec<String> = text("src/lib.rs")
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .filter(|name| !table.modules.contains_key(name))
        .collect();

    expect_none(
        &declared,
        "modules that the table in src/lib.rs does not know:",
    );
}

#[test]
fn imports_follow_the_table() {
    let table = table();
    let names: Vec<&str> = table.modules.keys().map(String::as_str).collect();
    let mut findings = Vec::new();

    for path in files("src", &[".rs"]) {
        let Some((module, depth)) = module_of(&path) else {
            continue;
        };
        let Some(row) = table.modules.get(&module) else {
            continue;
        };
        let code = without_comments(&text(&path));
        for target in imported_modules(&code, depth, &names) {
            if target != module && !row.may_import.contains(&target) {
                findings.push(format!(
                    "{}: {module} must not import {target}",
                    path.display()
                ));
            }
        }
        for world in table.io.iter().filter(|_| !row.io_allowed) {
            if mentions(&code, world) {
                findings.push(format!("{}: {module} must not use {world}", path.display()));
            }
        }
    }

    expect_none(&findings, "arrows that the table in src/lib.rs refuses:");
}

#[test]
fn files_are_short_enough_to_be_read_at_once() {
    let mut findings = Vec::new();
    for folder in ["src", "emulator/src", "testbed/src"] {
        for path in files(folder, &[".rs"]) {
            let only_tests = path.components().any(|part| {
                let name = part.as_os_str().to_string_lossy();
                name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs")
            });
            let lines = lines_without_tests(&text(&path));
            if !only_tests && lines > LONGEST_FILE_LINES {
                findings.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }

    expect_none(
        &findings,
        "files of more than 400 lines without tests; one idea per file:",
    );
}

#[test]
fn nothing_is_left_unfinished_or_bound_to_one_machine() {
    // Put together here, so that this file does not find itself.
    let unfinished = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["FIX", "ME"].concat(),
        ["TO", "DO"].concat(),
        ["lorem ", "ipsum"].concat(),
    ];
    let machine_paths = ["wo", "ro", "ho", "Us"]
        .iter()
        .zip(["rk", "ot", "me", "ers"])
        .map(|(start, end)| format!("/{start}{end}/"))
        .collect::<Vec<_>>();
    let mut findings = Vec::new();

    for path in files("", &[]) {
        let Ok(content) = std::fs::read_to_string(root().join(&path)) else {
            continue;
        };
        for (number, line) in content.lines().enumerate() {
            let bad = unfinished
                .iter()
                .chain(&machine_paths)
                .find(|bad| stands_alone(line, bad));
            if let Some(bad) = bad {
                findings.push(format!("{}:{}: {bad}", path.display(), number + 1));
            }
        }
    }

    expect_none(&findings, "unfinished text, or paths of one machine:");
}

/// The top-level module that a file of `src` belongs to, and how many `super::` lead from the file
/// to the crate. Binaries belong to none.
fn module_of(path: &Path) -> Option<(String, usize)> {
    let below_src = path.strip_prefix("src").ok()?.with_extension("");
    let mut parts: Vec<String> = below_src
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    match parts.first().map(String::as_str) {
        None | Some("lib" | "main" | "bin") => None,
        Some(module) => Some((module.to_owned(), parts.len())),
    }
}

fn without_comments(code: &str) -> String {
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Modules of `names` that `code` reaches by `crate::name`, by `crate::{name::…, …}`, or by enough
/// `super::` to leave its own module.
fn imported_modules(code: &str, depth: usize, names: &[&str]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut reach = |path: &str| {
        for first in first_names(path) {
            if names.contains(&first) {
                reached.insert(first.to_owned());
            }
        }
    };
    for (at, _) in code.match_indices("crate::") {
        if !preceded_by_word(code, at) {
            reach(&code[at + "crate::".len()..]);
        }
    }
    for (at, _) in code.match_indices("super::") {
        if code[..at].ends_with("super::") || preceded_by_word(code, at) {
            continue;
        }
        let mut rest = &code[at..];
        let mut ups = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            ups += 1;
        }
        if ups >= depth {
            reach(rest);
        }
    }
    reached
}

/// `a::b` gives a; `{a::b, c::{d, e}}` gives a and c.
fn first_names(path: &str) -> Vec<&str> {
    let name = |text: &'_ str| -> usize {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![&path[..name(path)]];
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut at_start = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                let rest = &group[at..];
                names.push(&rest[..name(rest)]);
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn preceded_by_word(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':')
}

/// Whether `path` (`tokio`, `std::fs`) is used: followed by `::`, or imported as a whole.
fn mentions(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let after = &code[at + path.len()..];
        let imported = code[..at].ends_with("use ") || path.contains("::");
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let absolute = code[..at].ends_with("::") && !code[..at].ends_with(":::");
        let word_before = preceded_by_word(code, at) && !(absolute && is_leading_colons(code, at));
        !word_before && (after.starts_with("::") || (imported && ends))
    })
}

/// `::tokio` names the crate, `other::tokio` does not.
fn is_leading_colons(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end_matches(':').chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '>')
}

/// Lines before the first test module.
fn lines_without_tests(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

/// Whether `bad` occurs in `line` and no letter, digit or dot touches its beginning.
fn stands_alone(line: &str, bad: &str) -> bool {
    line.match_indices(bad).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + bad.len()..].chars().next();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let touched = before.is_some_and(|c| word(c) || c == '.');
        let goes_on = bad.ends_with(word) && after.is_some_and(word);
        !touched && !goes_on
    })
}

#[test]
fn the_scanner_sees_every_way_to_import() {
    let names = ["api", "azure", "restore", "app"];
    let reached = |code: &str, depth| {
        let found = imported_modules(code, depth, &names);
        found.into_iter().collect::<Vec<_>>().join(" ")
    };

    assert_eq!(reached("use crate::api::v1alpha1::VmRestore;", 2), "api");
    assert_eq!(
        reached("use crate::{\n  azure::{a, app},\n  restore,\n};", 2),
        "azure restore"
    );
    assert_eq!(reached("let x = crate::app::run();", 1), "app");
    assert_eq!(reached("use super::super::azure::Vault;", 2), "azure");
    assert_eq!(reached("use super::azure::Vault;", 2), "");
    assert_eq!(reached("$crate::azure::x!(); my_crate::azure::y()", 1), "");
}

#[test]
fn the_scanner_sees_every_way_to_use_a_crate() {
    for code in [
        "use tokio::time::sleep;",
        "tokio::spawn(async {})",
        "use tokio;",
        "::tokio::spawn(x)",
    ] {
        assert!(mentions(code, "tokio"), "{code}");
    }
    for code in ["mod tokio_like;", "crate::tokio::x", "\"tokio runtime\""] {
        assert!(!mentions(code, "tokio"), "{code}");
    }
    assert!(mentions("use std::fs;", "std::fs"));
    assert!(!mentions("use std::fsx;", "std::fs"));
}
