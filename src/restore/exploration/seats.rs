//! The processes: one seat for each process and run, where its pass stands, and what it remembers.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;

use super::super::facts::SeenJob;
use super::super::pass::After;
use super::super::ports::StoreError;
use super::super::record::{Claim, Memory};
use super::azure::{Says, not_listed};
use super::script::{Answer, Call, Played, play};
use super::time::{Tick, after};
use super::world::{Fixed, World};

/// A pass that is under way: what it began with, what it was answered, what it asks now.
#[derive(Debug)]
pub struct Flight {
    begun: Tick,
    claims: u32,
    memory: Arc<Memory>,
    answers: Vec<(Tick, Answer)>,
    pub call: Call,
    /// The claim that it wrote last.
    own: Option<Claim>,
    /// Whether it has listed the jobs since it last read the object.
    listed: bool,
    hash: u64,
}

/// What a process remembers of its latest complete list.
#[derive(Debug, Clone)]
struct Board {
    begun: Tick,
    jobs: Vec<SeenJob>,
}

/// One process's view of one run.
#[derive(Debug, Clone)]
pub struct Seat {
    pub run: usize,
    pub flight: Option<Arc<Flight>>,
    /// When its next pass is due; none until the object changes.
    pub due: Option<Tick>,
    memory: Arc<Memory>,
    memory_hash: u64,
    board: Option<Arc<Board>>,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    Well,
    /// The list leaves out what it could show for the first time.
    Forgets,
    LostBefore,
    LostAfter,
    Fails,
    /// What Azure says, and how many ticks later the list shows the job.
    Azure(Says, Tick),
}

/// Everything.
#[derive(Debug, Clone)]
pub struct State {
    pub world: World,
    pub seats: Vec<Seat>,
}

struct Digest(DefaultHasher);

impl std::fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

fn digest(value: &impl std::fmt::Debug, before: u64) -> u64 {
    let mut digest = Digest(DefaultHasher::new());
    before.hash(&mut digest.0);
    // Writing to a hash cannot fail.
    let _ = write!(digest, "{value:?}");
    digest.0.finish()
}

impl Seat {
    pub fn new(run: usize) -> Self {
        let memory = Memory::default();
        Self {
            run,
            flight: None,
            due: Some(0),
            memory_hash: digest(&memory, 0),
            memory: Arc::new(memory),
            board: None,
        }
    }

    fn hash(&self) -> u64 {
        let flight = self
            .flight
            .as_ref()
            .map(|flight| (flight.hash, flight.listed));
        digest(
            &(flight, self.due, self.memory_hash, &self.board),
            self.run as u64,
        )
    }
}

impl State {
    pub fn new(fixed: &Fixed) -> Self {
        let seats = (0..fixed.bounds.runs)
            .flat_map(|run| (0..fixed.bounds.processes).map(move |_| Seat::new(run)));
        Self {
            world: World::new(fixed),
            seats: seats.collect(),
        }
    }

    pub fn hash(&self) -> u64 {
        let seats: Vec<u64> = self.seats.iter().map(Seat::hash).collect();
        digest(&(&self.world, seats), 0)
    }

    /// Whether this seat can do something now.
    pub fn can_step(&self, index: usize) -> bool {
        let seat = &self.seats[index];
        seat.flight.is_some() || seat.due.is_some_and(|due| due <= self.world.tick)
    }

    /// The call that this seat would make next; a pass that has not begun reads the object.
    pub fn call(&self, index: usize) -> Call {
        let flight = self.seats[index].flight.as_ref();
        flight.map_or(Call::Read, |flight| flight.call.clone())
    }

    /// A process dies with all that it remembers; it is back at once, as another one may wait as long as it likes.
    pub fn crash(&mut self, index: usize) {
        let run = self.seats[index].run;
        self.seats[index] = Seat::new(run);
        self.seats[index].due = Some(self.world.tick);
    }

    /// Whoever watches a run gets to know that its object changed.
    pub fn wake(&mut self, run: usize) {
        let tick = self.world.tick;
        for seat in self.seats.iter_mut().filter(|seat| seat.run == run) {
            seat.due = Some(seat.due.map_or(tick, |due| due.min(tick)));
        }
    }

    /// A process makes its next call, which goes like this; then it goes on to the call after it.
    pub fn step(&mut self, fixed: &Fixed, index: usize, goes: Goes) {
        let mut goes = goes;
        if self.seats[index].flight.is_none() {
            self.begin(index);
        }
        loop {
            let Some(flight) = self.seats[index].flight.clone() else {
                return;
            };
            let answer = self.answer(fixed, index, &flight, goes);
            self.go_on(index, &flight, answer);
            goes = Goes::Well;
            let next = self.seats[index].flight.as_ref();
            if !next.is_some_and(|flight| flight.call.follows_at_once()) {
                return;
            }
        }
    }

    fn begin(&mut self, index: usize) {
        let seat = &mut self.seats[index];
        seat.due = None;
        seat.flight = Some(Arc::new(Flight {
            begun: self.world.tick,
            claims: self.world.claims,
            memory: seat.memory.clone(),
            answers: Vec::new(),
            call: Call::Read,
            own: None,
            listed: false,
            hash: digest(&(self.world.tick, self.world.claims), seat.memory_hash),
        }));
    }

    fn answer(&mut self, fixed: &Fixed, index: usize, flight: &Flight, goes: Goes) -> Answer {
        let run = self.seats[index].run;
        let lost = |what: &str| Answer::NotStored(StoreError::Lost(what.to_owned()));
        match (&flight.call, goes) {
            (_, Goes::LostBefore) => lost("before"),
            (_, Goes::Fails) => not_listed(),
            (Call::Trigger(request, deadline), goes) => {
                let azure = match goes {
                    Goes::Azure(says, lag) => (says, lag),
                    _ => (Says::Accepted, 0),
                };
                let (request, deadline) = (*request, *deadline);
                self.world
                    .trigger(fixed, run, flight.own, request, deadline, azure)
            }
            (Call::Operation(id), _) => Answer::Operation(self.world.operation(id)),
            (Call::Job(id), _) => Answer::Job(self.world.job(fixed, id)),
            (Call::Jobs(need, begun), goes) => {
                self.list(fixed, index, flight.listed, need, *begun, goes)
            }
            (call, goes) => {
                let before = self.world.versions;
                let answer = self.world.store(fixed, run, call);
                if self.world.versions != before {
                    self.wake(run);
                }
                match goes {
                    Goes::LostAfter => lost("after"),
                    _ => answer,
                }
            }
        }
    }

    /// Lists the jobs, or shows what this process has listed already where that serves. Within a tick the clock does not tell
    /// what was first: a list serves a look only if this pass began it after its read.
    fn list(
        &mut self,
        fixed: &Fixed,
        index: usize,
        listed: bool,
        need: &super::super::ports::JobsNeed,
        begun: Tick,
        goes: Goes,
    ) -> Answer {
        let now = self.world.tick;
        let seat = &mut self.seats[index];
        if let Some(board) = &seat.board {
            let serves = match need.begun_after {
                Some(_) => listed,
                None => need.any_age || board.begun == now,
            };
            if serves {
                return Answer::Jobs(board.begun, board.jobs.clone());
            }
        }
        let shown = self.world.list(fixed, begun, goes == Goes::Forgets);
        let mut jobs = seat
            .board
            .take()
            .map_or_else(Vec::new, |board| board.jobs.clone());
        jobs.retain(|old| shown.iter().all(|new| new.job.id != old.job.id));
        jobs.extend(shown);
        seat.board = Some(Arc::new(Board {
            begun,
            jobs: jobs.clone(),
        }));
        Answer::Jobs(begun, jobs)
    }

    fn go_on(&mut self, index: usize, flight: &Flight, answer: Answer) {
        let tick = self.world.tick;
        let hash = digest(&(tick, &answer), flight.hash);
        let own = match &flight.call {
            Call::WriteClaim(_, claim) => Some(*claim),
            _ => flight.own,
        };
        let listed = match flight.call {
            Call::Read => false,
            Call::Jobs(..) => true,
            _ => flight.listed,
        };
        let mut answers = flight.answers.clone();
        answers.push((tick, answer));
        let played = play(
            u8::try_from(index).unwrap_or(0),
            flight.claims,
            flight.begun,
            &flight.memory,
            &answers,
        );
        let seat = &mut self.seats[index];
        match played {
            Played::Asks(call) => {
                seat.flight = Some(Arc::new(Flight {
                    begun: flight.begun,
                    claims: flight.claims,
                    memory: flight.memory.clone(),
                    answers,
                    call: *call,
                    own,
                    listed,
                    hash,
                }));
            }
            Played::Over(result, memory) => {
                seat.flight = None;
                seat.memory_hash = digest(&*memory, 0);
                seat.memory = Arc::new(*memory);
                let due = match result {
                    Ok(After::Rest) | Err(StoreError::Gone) => None,
                    Ok(After::In(wait)) => Some(after(tick, wait)),
                    Err(StoreError::Conflict) => Some(tick),
                    Err(StoreError::Lost(_) | StoreError::Refused(_)) => Some(tick + 1),
                };
                seat.due = match (seat.due, due) {
                    (Some(soon), Some(due)) => Some(soon.min(due)),
                    (soon, due) => soon.or(due),
                };
            }
        }
    }
}
