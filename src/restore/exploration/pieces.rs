//! Worlds that are too big for one piece, kind of fault by kind of fault.

use super::worlds::{Bounds, NONE};

/// The kinds of faults, each alone.
const KINDS: &[(&str, Bounds)] = &[
    (
        "crashes",
        Bounds {
            crashes: true,
            ..NONE
        },
    ),
    (
        "lost writes and reads",
        Bounds {
            losses: true,
            ..NONE
        },
    ),
    (
        "answers",
        Bounds {
            answers: true,
            ..NONE
        },
    ),
    (
        "failing jobs",
        Bounds {
            failing_jobs: true,
            ..NONE
        },
    ),
    (
        "status and claim",
        Bounds {
            meddling: true,
            ..NONE
        },
    ),
    (
        "deletion",
        Bounds {
            deletions: true,
            ..NONE
        },
    ),
    (
        "edits",
        Bounds {
            edits: true,
            ..NONE
        },
    ),
    (
        "the vault object goes",
        Bounds {
            vault_goes: true,
            ..NONE
        },
    ),
];

impl Bounds {
    /// The world in the pieces in which it is explored, each with its name.
    pub fn pieces(self) -> Vec<(String, Self)> {
        if !self.by_kind {
            return vec![(self.name.to_owned(), self)];
        }
        let piece = |(kind, faults): &(&str, Self)| {
            let bounds = Self {
                crashes: faults.crashes,
                losses: faults.losses,
                answers: faults.answers,
                failing_jobs: faults.failing_jobs,
                meddling: faults.meddling,
                deletions: faults.deletions,
                edits: faults.edits,
                vault_goes: faults.vault_goes,
                ..self
            };
            (format!("{}: {kind}", self.name), bounds)
        };
        KINDS.iter().map(piece).collect()
    }
}
