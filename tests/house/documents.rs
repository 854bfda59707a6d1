//! Rules for documents.

use std::collections::BTreeMap;
use std::path::Path;

use super::{expect_none, files, root, text};

#[test]
fn every_relative_link_leads_somewhere() {
    let mut findings = Vec::new();
    for path in files("", &[".md"]) {
        let document = text(&path);
        for link in links(&document) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap_or(Path::new("")).join(file)
            };
            if !root().join(&target).exists() {
                findings.push(format!("{}: {link} does not exist", path.display()));
            } else if !anchor.is_empty()
                && target.extension().is_some_and(|ending| ending == "md")
                && !anchors(&text(&target)).contains(&anchor.to_lowercase())
            {
                findings.push(format!("{}: {link}: no such heading", path.display()));
            }
        }
    }

    expect_none(&findings, "links that lead nowhere:");
}

/// Targets of `[text](target)` outside of code.
fn links(document: &str) -> Vec<String> {
    let prose = prose(document).join("\n");
    let outside_code: String = prose.split('`').step_by(2).collect();
    outside_code
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter_map(|(target, _)| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

/// Anchors that a reader on GitHub can jump to: headings, and explicit `id`s.
fn anchors(document: &str) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut anchors = Vec::new();
    for line in prose(document) {
        if let Some(heading) = line.strip_prefix('#') {
            let slug = slug(heading.trim_start_matches('#'));
            let times = seen.entry(slug.clone()).or_insert(0);
            anchors.push(match *times {
                0 => slug,
                n => format!("{slug}-{n}"),
            });
            *times += 1;
        }
        for id in line.split("id=\"").skip(1) {
            anchors.extend(id.split('"').next().map(str::to_lowercase));
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The lines that are not in a fenced block.
fn prose(document: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn every_test_that_the_page_about_testing_names_exists() {
    let code: Vec<String> = files("", &[".rs"]).iter().map(text).collect();
    let page = text("docs/testing.md");
    let names: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| is_test_name(word))
        .collect();
    assert!(names.len() > 20, "{names:?}");

    let unknown: Vec<String> = names
        .into_iter()
        .filter(|name| {
            !code
                .iter()
                .any(|code| code.contains(&format!("fn {name}(")))
        })
        .map(str::to_owned)
        .collect();

    expect_none(&unknown, "tests in docs/testing.md that do not exist:");
}

/// A whole sentence.
fn is_test_name(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.chars().all(letters) && word.matches('_').count() >= 4
}

#[test]
fn links_and_anchors_are_read_as_github_reads_them() {
    let document = "# One: *two* `three`\nSee [a](b.md#c) and `[x](y)`.\n```\n[no](no.md)\n```\n# One\n# One\n";

    assert_eq!(links(document), ["b.md#c"]);
    assert_eq!(anchors(document), ["one-two-three", "one", "one-1"]);
}
