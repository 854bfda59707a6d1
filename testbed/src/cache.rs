//! What is made once per machine and version, and kept in the user's cache.

use crate::TestbedError;
use std::path::{Path, PathBuf};

/// `${XDG_CACHE_HOME:-~/.cache}/vmrestore/{kind}`.
///
/// # Errors
/// If the home folder is unknown.
pub(crate) fn folder(kind: &str) -> Result<PathBuf, TestbedError> {
    let base =
        set_variable("XDG_CACHE_HOME").or_else(|| Some(set_variable("HOME")?.join(".cache")));
    let base = base
        .ok_or_else(|| TestbedError::Tool("neither XDG_CACHE_HOME nor HOME is set".to_owned()))?;
    Ok(base.join("vmrestore").join(kind))
}

/// A name that changes with the content of any of these files, so that an update makes anew and what was made before
/// stays usable.
///
/// # Errors
/// If one of them cannot be read.
pub(crate) fn name_of(files: &[PathBuf], also: &str) -> Result<String, TestbedError> {
    let mut content = Vec::new();
    for path in files {
        content.extend(
            std::fs::read(path).map_err(TestbedError::io(format!("read {}", path.display())))?,
        );
    }
    content.extend(also.as_bytes());
    Ok(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &content)
        .simple()
        .to_string())
}

/// Makes something in a folder of its own beside its place, which takes its final name when it is complete.
///
/// A run that is cut off leaves nothing half done, and two runs at once end with one result. `part` is a file that a
/// complete one has.
///
/// # Errors
/// Those of `make`, and if a folder cannot be made or renamed.
pub(crate) fn make_once(
    place: &Path,
    part: &str,
    make: impl FnOnce(&Path) -> Result<(), TestbedError>,
) -> Result<(), TestbedError> {
    let parent = place.parent().unwrap_or(place);
    std::fs::create_dir_all(parent)
        .map_err(TestbedError::io(format!("create {}", parent.display())))?;
    let unfinished = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(parent)
        .map_err(TestbedError::io(format!(
            "create a folder in {}",
            parent.display()
        )))?;
    make(unfinished.path())?;
    match std::fs::rename(unfinished.path(), place) {
        Ok(()) => {
            // The folder lives on under its new name, so there is nothing left to remove.
            let _ = unfinished.keep();
            Ok(())
        }
        // Another run was faster; its result stays.
        Err(_) if place.join(part).is_file() => Ok(()),
        Err(source) => Err(TestbedError::Io {
            what: format!("rename to {}", place.display()),
            source,
        }),
    }
}

/// An environment variable that is set and not empty, as a path.
pub(crate) fn set_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_follows_the_content_of_every_file() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("go.mod"), folder.path().join("go.sum")];
        std::fs::write(&files[0], "module a").unwrap();
        std::fs::write(&files[1], "one").unwrap();
        let before = name_of(&files, "").unwrap();
        std::fs::write(&files[1], "two").unwrap();

        let after = name_of(&files, "").unwrap();

        assert_ne!(before, after);
    }

    #[test]
    fn what_fails_halfway_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made");

        let result = make_once(&place, "part", |unfinished| {
            std::fs::write(unfinished.join("half"), "").unwrap();
            Err(TestbedError::Tool("no".to_owned()))
        });

        assert!(result.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_another_run_has_made_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made");

        make_once(&place, "part", |unfinished| {
            std::fs::create_dir(&place).unwrap();
            std::fs::write(place.join("part"), "theirs").unwrap();
            std::fs::write(unfinished.join("part"), "ours").unwrap();
            Ok(())
        })
        .unwrap();

        assert_eq!(
            std::fs::read_to_string(place.join("part")).unwrap(),
            "theirs"
        );
    }
}
