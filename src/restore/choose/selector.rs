//! What an object asks for: one point by its name, or the newest that fits.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::super::ids::RecoveryPointName;

/// Which recovery point an object asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointSelector {
    /// Exactly this one.
    Named(RecoveryPointName),
    /// The newest usable one that fits.
    Newest(Criteria),
}

impl Default for PointSelector {
    fn default() -> Self {
        Self::Newest(Criteria::default())
    }
}

/// What the newest usable point has to fulfil; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Taken at or before this instant.
    pub at_or_before: Option<Timestamp>,
    /// Not taken before this instant.
    pub not_before: Option<Timestamp>,
    /// At least as consistent as this.
    pub min_consistency: Option<Consistency>,
    /// With a copy in this tier.
    pub tier: Option<StorageTier>,
}

/// How well the data of a point fits together; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consistency {
    /// As after a power failure.
    CrashConsistent,
    /// File systems were flushed.
    FileSystemConsistent,
    /// Applications too.
    AppConsistent,
}

impl Consistency {
    /// Reads Azure's text, in any letter case; nothing for a value that this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::CrashConsistent,
            Self::FileSystemConsistent,
            Self::AppConsistent,
        ]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(text))
    }

    /// Azure's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrashConsistent => "CrashConsistent",
            Self::FileSystemConsistent => "FileSystemConsistent",
            Self::AppConsistent => "AppConsistent",
        }
    }
}

/// A tier, as people know it from the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageTier {
    /// `InstantRP`: a snapshot beside the disks.
    Snapshot,
    /// `HardenedRP`, or an archived copy that was rehydrated.
    VaultStandard,
    /// `ArchivedRP`.
    VaultArchive,
}

impl StorageTier {
    /// The word of the object's `tier`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "Snapshot",
            Self::VaultStandard => "VaultStandard",
            Self::VaultArchive => "VaultArchive",
        }
    }
}

/// Times that Azure is asked to keep to when it lists points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBetween {
    /// Taken at or after this.
    pub from: Timestamp,
    /// Taken at or before this.
    pub to: Timestamp,
}

impl fmt::Display for TakenBetween {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.from, self.to)
    }
}

/// How far beyond the wanted times Azure is asked. That its filter is exact to the second, in UTC, and includes its ends is
/// observed of other clients and nowhere promised: a day covers any time zone and any rounding (CONTRACT 4).
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

impl Criteria {
    /// Times that Azure may be asked to keep to, so that an item with thousands of points costs one page and not fifty.
    ///
    /// Only a selector with `notBefore` bounds the times at both ends, as Azure's filter demands. Where it does not, a bound
    /// would be a guess that hides the very point that is looked for.
    pub fn window(&self, now: Timestamp) -> Option<TakenBetween> {
        let not_before = self.not_before?;
        let last = self.at_or_before.unwrap_or(now);
        let from = not_before
            .checked_sub(MARGIN)
            .ok()?
            .max(Timestamp::UNIX_EPOCH);
        let to = last.checked_add(MARGIN).ok()?;
        (from <= to).then_some(TakenBetween { from, to })
    }
}
