//! Checks of the house itself: who imports whom, how long a file is, whether what we ship (manifests,
//! chart, image, documents) agrees with the code. Needs no cluster and no network.

#[path = "house/code.rs"]
mod code;
#[path = "house/documents.rs"]
mod documents;
#[path = "house/features.rs"]
mod features;
#[path = "house/mutations.rs"]
mod mutations;
#[path = "house/shipped.rs"]
mod shipped;
#[path = "house/troubleshooting.rs"]
mod troubleshooting;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` of the repository whose name has one of these endings (none = every
/// file), relative to the repository and sorted. Build output and version control are left out, and
/// so are links, whose targets are visited by themselves.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable directory entry"));
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("a file type");
            if kind.is_dir() && !["target", ".git", ".ci", "node_modules"].contains(&name.as_str())
            {
                folders.push(entry.path());
            }
            let wanted = endings.is_empty() || endings.iter().any(|ending| name.ends_with(ending));
            if kind.is_file() && wanted && name != ".git" {
                let path = entry.path();
                found.push(path.strip_prefix(root()).expect("below the root").into());
            }
        }
    }
    found.sort();
    found
}

/// Fails with one line per finding.
#[track_caller]
fn expect_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}
