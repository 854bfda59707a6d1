//! Named texts for people and pipelines: all of them on standard output, or one file each.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Name of the file that a document belongs into, and its YAML, ending with a line break.
pub type Document = (String, String);

/// Why the documents did not get to where they should.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Standard output is gone or full.
    #[error("cannot print to standard output")]
    Print(#[source] io::Error),
    /// The directory or one of the files cannot be written.
    #[error("cannot write {path}: name another directory with --out, or make this one writable", path = path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

/// Prints the documents, separated so that they are one valid YAML stream, or writes each into its
/// file in `directory`, which is made if it does not exist.
///
/// # Errors
/// A file or standard output cannot be written. A reader of the pipe that has seen enough is no
/// error.
pub fn print_or_write(documents: &[Document], directory: Option<&Path>) -> Result<(), OutputError> {
    match directory {
        Some(directory) => write(documents, directory),
        None => match print(documents, &mut io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(OutputError::Print(error)),
            _ => Ok(()),
        },
    }
}

fn write(documents: &[Document], directory: &Path) -> Result<(), OutputError> {
    let refused = |path: &Path, source| OutputError::Write {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(|error| refused(directory, error))?;
    for (file_name, yaml) in documents {
        let path = directory.join(file_name);
        std::fs::write(&path, yaml).map_err(|error| refused(&path, error))?;
    }
    Ok(())
}

fn print(documents: &[Document], out: &mut impl Write) -> io::Result<()> {
    for (_, yaml) in documents {
        write!(out, "---\n{yaml}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> [Document; 2] {
        ["a", "b"].map(|name| (format!("{name}.yaml"), format!("name: {name}\n")))
    }

    #[test]
    fn printed_documents_are_one_stream() {
        let mut printed = Vec::new();

        print(&two(), &mut printed).expect("memory takes everything");

        assert_eq!(
            String::from_utf8(printed).expect("UTF-8"),
            "---\nname: a\n---\nname: b\n"
        );
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let taken = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");

        let error = print_or_write(&two(), Some(&taken)).expect_err("a file is in the way");

        assert!(error.to_string().contains("Cargo.toml"), "{error}");
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
