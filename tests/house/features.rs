//! The table of features: each row names what does it and the tests that show it.

use super::{expect_none, files, text};

/// Rows of the tables whose last column is *Shown by*: the feature and its tests.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = text("docs/features.md");
    let mut shown_by = false;
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        if !line.starts_with('|') {
            shown_by = false;
        } else if cells.last() == Some(&"Shown by") {
            shown_by = true;
        } else if shown_by && !line.starts_with("|---") {
            let last = cells.last().copied().unwrap_or_default();
            let tests = last.split('`').skip(1).step_by(2).map(str::to_owned);
            rows.push((cells[0].to_owned(), tests.collect()));
        }
    }
    rows
}

#[test]
fn every_feature_names_a_test_that_exists() {
    let code: Vec<String> = files("", &[".rs"]).iter().map(text).collect();
    let rows = rows();
    assert!(rows.len() > 40, "{rows:#?}");

    let mut findings = Vec::new();
    for (feature, tests) in rows {
        if tests.is_empty() {
            findings.push(format!("{feature}: no test"));
        }
        let exists = |test: &str| {
            code.iter()
                .any(|code| code.contains(&format!("fn {test}(")))
        };
        let unknown = tests.iter().filter(|test| !exists(test));
        findings.extend(unknown.map(|test| format!("{feature}: there is no test {test}")));
    }

    expect_none(&findings, "rows of docs/features.md:");
}
