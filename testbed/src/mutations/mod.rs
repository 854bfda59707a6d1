//! Breaks the protocol on purpose, and sees that the tests notice.
//!
//! * [`rows`]: the mistakes, each a text of `src/restore`, its replacement, and the checks that must fail;
//! * [`run`]: makes each mistake in a [`MiniCrate`] and runs these checks;
//! * [`run_cargo_mutants`]: the same crate, and every mistake that a machine thinks of.

mod mini_crate;
mod mutants;
mod rows;
mod runner;

pub use mini_crate::MiniCrate;
pub use mutants::run as run_cargo_mutants;
pub use rows::all as rows;
pub use runner::run;

/// A mistake.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What the code then does.
    pub name: &'static str,
    /// The invariant that it breaks, or the way in which an earlier wording failed.
    pub breaks: Breaks,
    /// How it is made; more than one edit where the protocol guards against it twice.
    pub edits: &'static [Edit],
    /// Each of these must fail.
    pub caught_by: &'static [Check],
}

/// A change of a file.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// The file, below `src/restore`.
    pub file: &'static str,
    /// Stands exactly once in that file.
    pub text: &'static str,
    /// Stands there instead.
    pub replacement: &'static str,
}

/// What a mistake breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breaks {
    /// An invariant of the protocol.
    Invariant(Invariant),
    /// What an earlier wording did wrong, by its number in docs/testing.md.
    Way(u8),
}

/// What must hold in every world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Never two jobs for one intended attempt.
    OneJob,
    /// Never a POST without a recorded claim.
    ClaimBeforePost,
    /// No POST that could destroy after an unknown outcome.
    NothingAfterUnknown,
    /// What has ended stays as it ended.
    EndsAbsorb,
    /// In calm weather everything ends, or is blocked and says why.
    ComesToRest,
    /// Status names every job that lists show, and says that a deletion waits.
    StatusTells,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OneJob,
        Self::ClaimBeforePost,
        Self::NothingAfterUnknown,
        Self::EndsAbsorb,
        Self::ComesToRest,
        Self::StatusTells,
    ];
}

impl std::fmt::Display for Breaks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Way(number) => return write!(f, "way {number}"),
            Self::Invariant(Invariant::OneJob) => "one job",
            Self::Invariant(Invariant::ClaimBeforePost) => "claim before POST",
            Self::Invariant(Invariant::NothingAfterUnknown) => "nothing after unknown",
            Self::Invariant(Invariant::EndsAbsorb) => "ends absorb",
            Self::Invariant(Invariant::ComesToRest) => "comes to rest",
            Self::Invariant(Invariant::StatusTells) => "status tells",
        };
        f.pad(text)
    }
}

/// What notices a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A test, by the end of its path.
    Test(&'static str),
    /// This many random schedules.
    Schedules(u32),
    /// The world of the explorer that has exactly this name.
    World(&'static str),
}

impl Check {
    /// The test that is run.
    pub fn test(&self) -> &'static str {
        match self {
            Self::Test(name) => name,
            Self::Schedules(_) => "no_schedule_breaks_the_protocol",
            Self::World(_) => "no_order_of_events_breaks_the_protocol",
        }
    }

    /// How many schedules are played, if any.
    pub fn schedules(&self) -> Option<u32> {
        match self {
            Self::Test(_) | Self::World(_) => None,
            Self::Schedules(count) => Some(*count),
        }
    }

    /// Which world is explored, if one is.
    pub fn world(&self) -> Option<&'static str> {
        match self {
            Self::Test(_) | Self::Schedules(_) => None,
            Self::World(name) => Some(name),
        }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Test(name) => f.write_str(name),
            Self::Schedules(count) => write!(f, "{count} schedules"),
            Self::World(name) => write!(f, "the world \"{name}\""),
        }
    }
}
