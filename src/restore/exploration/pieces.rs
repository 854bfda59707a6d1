//! Worlds that are too big for one piece, kind of fault by kind of fault.

use super::worlds::Bounds;

/// The kinds of faults, and what allows each of them.
type Kind = (&'static str, fn(&mut Bounds) -> &mut bool);

const KINDS: [Kind; 9] = [
    ("crashes", |bounds| &mut bounds.crashes),
    ("lost writes and reads", |bounds| &mut bounds.losses),
    ("answers", |bounds| &mut bounds.answers),
    ("failing jobs", |bounds| &mut bounds.failing_jobs),
    ("status and claim", |bounds| &mut bounds.meddling),
    ("older claims", |bounds| &mut bounds.older_claims),
    ("deletion", |bounds| &mut bounds.deletions),
    ("edits", |bounds| &mut bounds.edits),
    ("the vault object goes", |bounds| &mut bounds.vault_goes),
];

impl Bounds {
    /// The world in the pieces in which it is explored, each with its name: one for each kind of fault that it allows.
    pub fn pieces(self) -> Vec<(String, Self)> {
        if !self.by_kind {
            return vec![(self.name.to_owned(), self)];
        }
        assert!(self.faults <= 1, "two faults may be of two kinds");
        let piece = |(name, allows): &Kind| {
            let mut bounds = self;
            let allowed = *allows(&mut bounds);
            for (_, other) in KINDS {
                *other(&mut bounds) = false;
            }
            *allows(&mut bounds) = true;
            allowed.then(|| (format!("{}: {name}", self.name), bounds))
        };
        KINDS.iter().filter_map(piece).collect()
    }
}

/// A kind that the pieces forget would never be explored.
#[test]
fn the_pieces_of_a_world_allow_together_what_it_allows() {
    let big = super::WORLDS.iter().find(|bounds| bounds.by_kind).unwrap();
    let unsplit = Bounds {
        by_kind: false,
        ..*big
    };

    let mut together = Bounds {
        by_kind: false,
        ..big.pieces().remove(0).1
    };
    for (_, mut piece) in big.pieces() {
        let of_piece = KINDS.iter().filter(|(_, allows)| *allows(&mut piece));
        assert_eq!(of_piece.count(), 1);
        for (_, allows) in KINDS {
            *allows(&mut together) |= *allows(&mut piece);
        }
    }

    assert_eq!(format!("{together:?}"), format!("{unsplit:?}"));
}
