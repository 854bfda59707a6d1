//! A situation: what the API server stores, what Azure knows, where each process stands. Small, so that millions are compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::few::Few;
use super::passes::{Passes, Root, Stage};
use super::time::Ticks;
use super::words::{Call, Claimed, Controls, Marked, Matched, Stands, View, Word};
use super::worlds::{Bounds, Ids};

/// The object, as the API server stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    pub mark: Marked,
    pub resolve: Option<Word>,
    pub deleting: bool,
    pub record: u32,
}

/// A run: its object, and what the checks remember of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intended {
    pub object: Option<Object>,
    pub controls: Controls,
    /// The status before the last one, to be set back to.
    pub before: u32,
    /// The claim before the last one, to be set back to.
    pub earlier: Option<Claimed>,
    /// Somebody changed the claim by hand since it was written.
    pub meddled: bool,
    /// Somebody changed `spec` since the claim was written.
    pub edited: bool,
    pub person_retried: bool,
    /// A request was sent of which only Azure knows what came of it.
    pub in_doubt: bool,
    /// The status was set back or erased since the last write.
    pub status_lost: bool,
}

/// A pass that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    pub node: u32,
    /// Ticks since its last answer.
    pub idle: u8,
    /// How many of the objects that it was shown are not the stored one any more, from the first on.
    pub stale: u8,
}

/// A process's view of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    pub flight: Option<Flight>,
    /// In how many ticks its next pass is due; none until the object changes.
    pub due: Option<u8>,
    /// What it remembers; nothing while a pass is under way that remembers it.
    pub memory: u32,
    pub board: u32,
    /// It made the last step of all, and its pass is under way: whoever goes on now interrupts it.
    pub at_work: bool,
    /// It stands still, although it could go on, for as long as it likes.
    pub asleep: bool,
}

impl Seat {
    /// A process that has just begun.
    pub const NEW: Self = Self {
        flight: None,
        due: Some(0),
        memory: 0,
        board: 0,
        at_work: false,
        asleep: false,
    };
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// How many ticks its wall clock is ahead.
    pub skew: i8,
    /// One seat for each run.
    pub seats: Few<Seat, 2>,
}

/// A request that Azure got and has not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Post {
    pub run: u8,
    pub attempt: u8,
    /// Whether it was sent before this tick.
    pub old: bool,
    pub lag: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    pub run: u8,
    pub attempt: u8,
    pub stands: Stands,
    /// In how many ticks lists may show it; 0: they may forget it again; negative: they show it for good.
    pub hidden: i8,
    /// Ticks since it started, as far as somebody compares that.
    pub age: u8,
    pub has_id: bool,
}

/// An operation that an accepted request named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    pub run: u8,
    pub attempt: u8,
    pub fails: bool,
    pub vanishes: bool,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub runs: Few<Intended, 2>,
    pub processes: Few<Process, 2>,
    pub posts: Few<Post, 3>,
    pub jobs: Few<Job, 6>,
    pub operations: Few<Operation, 6>,
    pub matching: Matched,
    /// Version and holder of the lock of the VM.
    pub lock: Option<(u8, u8)>,
    /// Whether Azure fills ids now.
    pub fills: bool,
    /// Whether there is a vault object.
    pub vault: bool,
    /// Faults that may still come.
    pub faults: u8,
    pub persons: u8,
    /// How often a pass that is under way may still be interrupted by another one; none where that is not counted.
    pub interruptions: Option<u8>,
    /// How often a process may still fall asleep while it could go on; none where that is not counted.
    pub sleeps: Option<u8>,
    /// A residual risk that the design names was taken.
    pub excused: bool,
}

impl State {
    pub fn new(bounds: &Bounds) -> Self {
        let mut state = Self {
            runs: Few::new(),
            processes: Few::new(),
            posts: Few::new(),
            jobs: Few::new(),
            operations: Few::new(),
            matching: match bounds.ids {
                Ids::Filled | Ids::MayStop => Matched::Assumed,
                Ids::NotFilled => Matched::Broken,
            },
            lock: None,
            fills: bounds.ids != Ids::NotFilled,
            vault: true,
            faults: bounds.faults,
            persons: bounds.persons,
            interruptions: bounds.interruptions,
            sleeps: bounds.sleeps,
            excused: false,
        };
        let mut seats = Few::new();
        for _ in bounds.runs {
            seats.push(Seat::NEW);
            state.runs.push(Intended {
                object: None,
                controls: Controls {
                    suspend: false,
                    cancel: false,
                    start_by: bounds.start_by,
                },
                before: 0,
                earlier: None,
                meddled: false,
                edited: false,
                person_retried: false,
                in_doubt: false,
                status_lost: false,
            });
        }
        for _ in 0..bounds.processes {
            state.processes.push(Process { skew: 0, seats });
        }
        for run in 0..bounds.runs.len() {
            state.create(run);
        }
        state
    }

    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }

    pub fn run(&self, run: usize) -> &Intended {
        self.runs.at(run)
    }

    pub fn run_mut(&mut self, run: usize) -> &mut Intended {
        self.runs.at_mut(run)
    }

    pub fn object(&self, run: usize) -> Option<&Object> {
        self.run(run).object.as_ref()
    }

    pub fn process_mut(&mut self, process: usize) -> &mut Process {
        self.processes.at_mut(process)
    }

    pub fn process(&self, process: usize) -> &Process {
        self.processes.at(process)
    }

    pub fn seat(&self, (process, run): (usize, usize)) -> &Seat {
        self.process(process).seats.at(run)
    }

    pub fn seat_mut(&mut self, (process, run): (usize, usize)) -> &mut Seat {
        self.process_mut(process).seats.at_mut(run)
    }

    /// Every process and run.
    pub fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let runs = self.runs.len();
        (0..self.processes.len()).flat_map(move |process| (0..runs).map(move |run| (process, run)))
    }

    /// The call that this seat would make next; a pass that has not begun reads the object.
    pub fn call(&self, passes: &Passes, place: (usize, usize)) -> Call {
        match self.seat(place).flight {
            Some(flight) => match passes.node(flight.node).stage {
                Stage::Asks(call) => call,
                Stage::Over { .. } => Call::Read,
            },
            None => Call::Read,
        }
    }

    /// How a pass of this seat would begin now.
    pub fn root(&self, place: (usize, usize)) -> Root {
        Root {
            run: small(place.1),
            memory: self.seat(place).memory,
            vault: self.vault,
            skew: self.process(place.0).skew,
        }
    }

    /// The object as it is read now.
    pub fn view(&self, run: usize) -> Option<View> {
        let object = self.object(run)?;
        let mark = match object.mark {
            Marked::WithoutFinalizer(_) if object.deleting => Marked::None,
            mark => mark,
        };
        Some(View {
            run: small(run),
            mark,
            resolve: object.resolve,
            deleting: object.deleting,
            controls: self.run(run).controls,
            record: object.record,
        })
    }

    pub fn create(&mut self, run: usize) {
        let intended = self.run_mut(run);
        intended.controls.suspend = false;
        intended.controls.cancel = false;
        intended.object = Some(Object {
            mark: Marked::None,
            resolve: None,
            deleting: false,
            record: 0,
        });
    }

    /// Claims of a run that something still names.
    pub fn named_claims(&self, passes: &Passes, run: usize) -> u32 {
        let mut named = self.shown_claims(passes, run);
        for process in 0..self.processes.len() {
            let seat = self.seat((process, run));
            named |= passes.tables.claims_of_memory(seat.memory);
            if let Some(flight) = seat.flight {
                named |= passes.node(flight.node).claims;
            }
        }
        named
    }

    /// Claims of a run that the object shows, or could show again.
    pub fn shown_claims(&self, passes: &Passes, run: usize) -> u32 {
        let intended = self.run(run);
        let mut shown = passes.tables.claims_of_record(intended.before);
        let earlier = intended.earlier.map(Marked::Standing);
        shown |= earlier.map_or(0, |earlier| earlier.bits());
        if let Some(object) = &intended.object {
            shown |= object.mark.bits() | passes.tables.claims_of_record(object.record);
            shown |= object.resolve.map_or(0, Word::bits);
        }
        shown
    }

    /// A version of the lock that nobody has seen yet.
    pub fn fresh_version(&self, passes: &Passes) -> u8 {
        let mut seen = self.lock.map_or(0, |(version, _)| 1_u8 << version);
        for place in self.places() {
            let seat = self.seat(place);
            seen |= passes.tables.locks_of_memory(seat.memory);
            if let Some(flight) = seat.flight {
                seen |= passes.node(flight.node).locks;
            }
        }
        assert!(seen != u8::MAX, "more versions of the lock than names");
        small(seen.trailing_ones() as usize)
    }

    /// Time passes.
    pub fn tick(&mut self, passes: &mut Passes) {
        let bounds = &passes.bounds;
        let past = -1 - small_ticks(bounds.clock_jump);
        let oldest_job = passes.oldest.claimed.map_or(0, small_age);
        let longest_idle = small_age(passes.oldest.idle);
        for post in self.posts.iter_mut() {
            post.old = true;
        }
        for job in self.jobs.iter_mut() {
            job.hidden = (job.hidden - 1).max(-1);
            job.age = (job.age + 1).min(oldest_job);
        }
        for intended in self.runs.iter_mut() {
            let left = &mut intended.controls.start_by;
            *left = left.map(|left| (left - 1).max(past));
            intended.before = passes.tables.older_record(intended.before);
            if let Some(object) = &mut intended.object {
                object.record = passes.tables.older_record(object.record);
            }
        }
        for process in self.processes.iter_mut() {
            for seat in process.seats.iter_mut() {
                seat.due = seat.due.map(|due| due.saturating_sub(1));
                seat.memory = passes.tables.older_memory(seat.memory);
                seat.board = passes.tables.older_board(seat.board);
                if let Some(flight) = &mut seat.flight {
                    flight.idle = (flight.idle + 1).min(longest_idle);
                }
            }
        }
    }

    /// Brings a state into its normal form: what nobody can ask for any more is forgotten, and processes have no names.
    pub fn settle(&mut self, passes: &mut Passes) {
        for run in 0..self.runs.len() {
            let faults = self.faults;
            let meddling = passes.bounds.meddling;
            let older_claims = passes.bounds.older_claims;
            let intended = self.run_mut(run);
            if faults == 0 || !meddling {
                intended.before = 0;
            }
            if faults == 0 || !older_claims {
                intended.earlier = None;
            }
            let shown = self.shown_claims(passes, run);
            for process in 0..self.processes.len() {
                let seat = self.seat_mut((process, run));
                seat.memory = passes.tables.tidy_memory(seat.memory, shown);
            }
        }
        self.processes.sort();
    }
}

/// A number that is known to be small.
pub fn small(number: usize) -> u8 {
    u8::try_from(number).expect("a small number")
}

fn small_ticks(ticks: Ticks) -> i8 {
    i8::try_from(ticks).expect("a small number of ticks")
}

fn small_age(ticks: Ticks) -> u8 {
    u8::try_from(ticks).expect("a small age")
}
