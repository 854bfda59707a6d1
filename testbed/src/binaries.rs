//! Where this repository's own binaries are.

use crate::TestbedError;
use std::path::{Path, PathBuf};

/// Finds one of the workspace's binaries: in `VMRESTORE_BIN_DIR`, else beside the running program.
///
/// A test runs in `target/debug/deps`, a binary in `target/debug`: both are looked at.
///
/// # Errors
/// [`TestbedError::NoBinary`] if it has not been built.
pub fn find(name: &str) -> Result<PathBuf, TestbedError> {
    let folders: Vec<PathBuf> =
        match std::env::var_os("VMRESTORE_BIN_DIR").filter(|dir| !dir.is_empty()) {
            Some(dir) => vec![PathBuf::from(dir)],
            None => beside_this_program(),
        };
    let found = folders
        .iter()
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| TestbedError::NoBinary {
        name: name.to_owned(),
        looked_in: folders.last().cloned().unwrap_or_default(),
    })
}

fn beside_this_program() -> Vec<PathBuf> {
    let Ok(program) = std::env::current_exe() else {
        return Vec::new();
    };
    program
        .ancestors()
        .skip(1)
        .take(2)
        .map(Path::to_path_buf)
        .collect()
}
