//! Whoever is stopped finds a paragraph: for each reason, each class of refusal and each code of Azure that the code knows.

use vmrestore::api::conditions::{GUIDE, Reason};

use super::{expect_none, text};

const PARTS: [&str; 3] = [
    "*What happened:*",
    "*What the controller does:*",
    "*What to do:*",
];

/// The paragraphs below headings of the third level, lines joined.
fn paragraphs() -> Vec<(String, String)> {
    text(GUIDE)
        .split("\n### ")
        .skip(1)
        .filter_map(|part| part.split_once('\n'))
        .map(|(heading, rest)| {
            let own = rest.split("\n## ").next().unwrap_or_default();
            let joined = own.split_whitespace().collect::<Vec<_>>().join(" ");
            (heading.to_owned(), joined)
        })
        .collect()
}

#[test]
fn every_reason_says_what_happened_what_the_controller_does_and_what_to_do() {
    let paragraphs = paragraphs();

    let missing: Vec<String> = Reason::ALL
        .iter()
        .filter(|reason| {
            let of_reason = paragraphs
                .iter()
                .find(|(heading, _)| heading == reason.as_str());
            !of_reason.is_some_and(|(_, said)| PARTS.iter().all(|part| said.contains(part)))
        })
        .map(|reason| reason.as_str().to_owned())
        .collect();

    expect_none(
        &missing,
        "reasons without a whole paragraph in docs/troubleshooting.md:",
    );
}

#[test]
fn every_class_and_code_of_azure_that_the_code_knows_is_explained() {
    let classes = variants("src/restore/facts.rs", "pub enum RefusalKind {");
    assert!(classes.len() >= 11, "{classes:?}");
    let mut words = classes;
    for (file, least) in [
        ("src/azure/codes.rs", 15),
        ("src/restore/retry.rs", 7),
        ("emulator/src/scenario/catalogue.rs", 28),
    ] {
        let codes = codes(file);
        assert!(codes.len() >= least, "{file}: {codes:?}");
        words.extend(codes);
    }

    let guide = text(GUIDE);
    let explained = guide
        .split("## By error of Azure")
        .nth(1)
        .unwrap_or_default();
    let missing: Vec<String> = words
        .into_iter()
        .filter(|word| !explained.contains(&format!("`{word}`")))
        .collect();

    expect_none(
        &missing,
        "of Azure's words, not explained in docs/troubleshooting.md:",
    );
}

/// The variants of an enum without fields.
fn variants(file: &str, head: &str) -> Vec<String> {
    let code = text(file);
    let body = code.split(head).nth(1).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    body.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter_map(|line| line.strip_suffix(','))
        .map(str::to_owned)
        .collect()
}

/// Words in quotes that look like a code of Azure, outside of tests.
fn codes(file: &str) -> Vec<String> {
    let code = text(file);
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|word| {
            let letters = word.chars().all(|c| c.is_ascii_alphanumeric());
            let humps = word.chars().filter(char::is_ascii_uppercase).count();
            letters && humps >= 2 && word.starts_with(|c: char| c.is_ascii_uppercase())
        })
        .map(str::to_owned)
        .collect()
}
