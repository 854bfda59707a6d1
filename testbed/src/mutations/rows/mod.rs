//! The mistakes, by what they break.

mod explored;
mod invariants;
mod status;
mod ways;

use super::Row;

/// Every mistake.
pub fn all() -> impl Iterator<Item = Row> {
    [invariants::ROWS, status::ROWS, ways::ROWS, explored::ROWS]
        .into_iter()
        .flatten()
        .copied()
}
