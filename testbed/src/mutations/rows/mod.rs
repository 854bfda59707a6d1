//! The mistakes, by what they break.

mod invariants;
mod status;
mod ways;

use super::Row;

/// Every mistake.
pub fn all() -> impl Iterator<Item = Row> {
    let invariants = invariants::ROWS.iter().chain(status::ROWS);
    invariants.chain(ways::ROWS).copied()
}
