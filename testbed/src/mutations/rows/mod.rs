//! The mistakes, by what they break.

mod explored;
mod invariants;
mod ways;

use super::Row;

/// Every mistake.
pub fn all() -> impl Iterator<Item = Row> {
    invariants::ROWS
        .iter()
        .chain(ways::ROWS)
        .chain(explored::ROWS)
        .copied()
}
