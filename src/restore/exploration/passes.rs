//! Every pass that was ever played, as a tree: where a pass stands follows from what it began with and from the answers that it
//! got, so each continuation is played once, and kept.

use std::collections::HashMap;

use super::super::pass::After;
use super::super::ports::StoreError;
use super::super::record::Run;
use super::ages::Oldest;
use super::real;
use super::script::{Beginning, Line, Real, play};
use super::tables::Tables;
use super::time::{Ticks, WINDOW, after, at};
use super::words::{Answer, Call, Claimed, View};
use super::worlds::Bounds;

/// When the next pass is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    Never,
    In(u8),
}

/// Where a pass stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    Asks(Call),
    Over { due: Due, memory: u32 },
}

/// A pass, up to an answer.
#[derive(Debug, Clone)]
pub struct Node {
    before: Option<(u32, Step)>,
    root: Root,
    pub stage: Stage,
    /// The claims that it may still name.
    pub claims: u32,
    /// The versions of the lock that it may still name.
    pub locks: u8,
    /// The claim that it wrote last.
    pub own: Option<Claimed>,
    /// Whether it has listed the jobs since it last read the object or took the lock.
    pub listed: bool,
    /// Which of its answers showed the object.
    pub shown: u32,
    pub length: u8,
}

/// How a pass begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Root {
    pub run: u8,
    pub memory: u32,
    /// Whether there is a vault object.
    pub vault: bool,
    /// How wrong the wall clock of the process is set.
    pub skew: i8,
}

/// An answer, and what else a pass may see with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// Ticks since the answer before.
    pub idle: u8,
    pub skew: i8,
    /// The name of the next claim.
    pub fresh: u8,
    pub answer: Answer,
}

/// What of a pass decides how it goes on: what it asks, what it has made of its memory, and what it was answered since it
/// began, or since its request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sight {
    run: u8,
    vault: bool,
    stage: Stage,
    memory: u32,
    own: Option<Claimed>,
    listed: bool,
    shown: u32,
    length: u8,
    /// Ticks since it drew the name of a claim: what it writes down of the claim is as old.
    drawn: Option<Ticks>,
    /// What it began with, while it is at its lock: what it does next it decides by the clock of its first read.
    begun: Option<u32>,
    answers: Vec<Step>,
}

/// No claim is named after an answer.
const UNUSED: u8 = u8::MAX;

/// The tree, and the tables of what its answers name by numbers.
pub struct Passes {
    pub bounds: Bounds,
    pub oldest: Oldest,
    requests: Vec<Vec<String>>,
    pub tables: Tables,
    nodes: Vec<Node>,
    roots: HashMap<Root, u32>,
    children: HashMap<(u32, Step), u32>,
    /// Passes that go on alike, and another one that does, by which that is checked.
    alike: HashMap<Sight, u32>,
    twins: HashMap<u32, u32>,
}

impl Passes {
    pub fn new(bounds: Bounds) -> Self {
        let runs = 0..u8::try_from(bounds.runs.len()).unwrap_or(0);
        let requests = runs.map(|run| {
            let key = real::key_of(run);
            key.request_ids().map(|(_, id)| id.to_string()).collect()
        });
        let oldest = Oldest::of(&bounds);
        Self {
            oldest,
            requests: requests.collect(),
            tables: Tables::new(oldest),
            nodes: Vec::new(),
            roots: HashMap::new(),
            children: HashMap::new(),
            alike: HashMap::new(),
            twins: HashMap::new(),
            bounds,
        }
    }

    /// How many passes were played, up to an answer each.
    pub fn played(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }

    /// The object as a pass reads it so many ticks after it began.
    pub fn run(&self, view: View, time: Ticks) -> Run {
        let mut record = (*self.tables.record(view.record)).clone();
        if time > 0 {
            self.oldest.read_later(&mut record, time);
        }
        real::run(&self.bounds, view, record, time)
    }

    /// The beginning of a pass.
    pub fn begin(&mut self, root: Root) -> u32 {
        if let Some(number) = self.roots.get(&root) {
            return *number;
        }
        let number = self.add(Node {
            before: None,
            root,
            stage: Stage::Asks(Call::Read),
            claims: self.tables.claims_of_memory(root.memory),
            locks: self.tables.locks_of_memory(root.memory),
            own: None,
            listed: false,
            shown: 0,
            length: 0,
        });
        self.roots.insert(root, number);
        number
    }

    fn add(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer passes than numbers")
    }

    /// How a pass goes on after this answer.
    pub fn go_on(&mut self, flight: u32, step: Step) -> u32 {
        let plain = Step {
            fresh: UNUSED,
            ..step
        };
        for known in [plain, step] {
            if let Some(number) = self.children.get(&(flight, known)) {
                return *number;
            }
        }
        let (node, step, sight) = self.play_on(flight, step);
        if let Some(twin) = self.twins.get(&flight).copied() {
            let (.., other) = self.play_on(twin, step);
            assert!(
                sight == other,
                "passes that were merged differ: {sight:?} {other:?}"
            );
        }
        let number = match self.alike.get(&sight).copied() {
            Some(number) => {
                if !self.twins.contains_key(&number) {
                    let twin = self.add(node);
                    self.twins.insert(number, twin);
                }
                number
            }
            None => {
                let number = self.add(node);
                self.alike.insert(sight, number);
                number
            }
        };
        self.children.insert((flight, step), number);
        number
    }

    /// What of a pass decides how it goes on.
    fn sight(&self, node: &Node, memory: u32, steps: &[Step]) -> Sight {
        let over = matches!(node.stage, Stage::Over { .. });
        let asked = |step: &Step| matches!(step.answer, Answer::Triggered(_));
        let from = steps.iter().rposition(asked).unwrap_or(0);
        let steps = &steps[from..];
        let drew = steps.iter().rposition(|step| step.fresh != UNUSED);
        let drawn = drew.map(|place| {
            let since = steps[place + 1..].iter().map(|step| step.idle);
            Ticks::from(since.sum::<u8>()).min(WINDOW + self.oldest.idle)
        });
        let locks = matches!(
            node.stage,
            Stage::Asks(Call::Read | Call::ReadLock | Call::ReleaseLock(_))
        );
        let later = |step: &Step| matches!(step.answer, Answer::Jobs(_) | Answer::Triggered(_));
        let begun = (locks && !steps.iter().any(later)).then_some(node.root.memory);
        let exact = self.oldest.wall || begun.is_some();
        let seen = steps.iter().map(|step| match exact {
            true => *step,
            false => Step {
                idle: 0,
                skew: 0,
                ..*step
            },
        });
        Sight {
            run: node.root.run,
            vault: node.root.vault,
            stage: node.stage,
            memory,
            own: node.own,
            listed: node.listed,
            shown: node.shown,
            length: node.length,
            drawn: drawn.filter(|_| !over),
            begun,
            answers: if over { Vec::new() } else { seen.collect() },
        }
    }

    fn play_on(&mut self, flight: u32, step: Step) -> (Node, Step, Sight) {
        let before = self.nodes[flight as usize].clone();
        let mut steps = vec![step];
        let mut link = before.before;
        while let Some((number, step)) = link {
            steps.push(step);
            link = self.nodes[number as usize].before;
        }
        let mut time = 0;
        let mut lines = Vec::with_capacity(steps.len());
        for step in steps.iter().rev() {
            time += Ticks::from(step.idle);
            lines.push(Line {
                time,
                skew: step.skew.into(),
                fresh: if step.fresh == UNUSED { 0 } else { step.fresh },
                answer: self.answer(step.answer, time),
            });
        }
        let beginning = Beginning {
            memory: &self.tables.memory(before.root.memory),
            vault: before.root.vault,
            skew: before.root.skew.into(),
            requests: self.requests[usize::from(before.root.run)].clone(),
        };
        let played = play(&beginning, lines);
        let step = match played.drew {
            true => step,
            false => Step {
                fresh: UNUSED,
                ..step
            },
        };
        let mut node = Node {
            before: Some((flight, step)),
            length: before.length + 1,
            ..before
        };
        if let Answer::Stored(_) = step.answer {
            node.shown |= 1 << before.length;
        }
        match before.stage {
            Stage::Asks(Call::WriteClaim(_, claim)) => node.own = Some(claim),
            Stage::Asks(Call::Read | Call::TakeLock(_)) => node.listed = false,
            Stage::Asks(Call::Jobs(_)) => node.listed = true,
            _ => {}
        }
        let mut memory = played.memory;
        self.oldest.memory(&mut memory, time, played.over.is_none());
        let memory = self.tables.number_of_memory(memory);
        node.stage = match (played.asks, played.over) {
            (Some((Call::Save(base, _), Some(mut record))), _) => {
                self.oldest.record(&mut record, time);
                let number = self.tables.number_of_record(*record);
                Stage::Asks(Call::Save(base, number))
            }
            (Some((call, _)), _) => Stage::Asks(call),
            (None, over) => Stage::Over {
                due: due(over),
                memory,
            },
        };
        steps.reverse();
        if let Some(last) = steps.last_mut() {
            *last = step;
        }
        let sight = self.sight(&node, memory, &steps);
        node.claims = self.tables.claims_of_memory(memory) | self.claims_of_call(node.stage);
        node.claims |= node.own.map_or(0, |own| 1 << own.name);
        node.locks = self.tables.locks_of_memory(memory);
        for step in &sight.answers {
            node.claims |= self.claims_of_answer(step.answer);
            node.locks |= locks_of(step.answer);
            if step.fresh != UNUSED {
                node.claims |= 1 << step.fresh;
            }
        }
        (node, step, sight)
    }

    fn claims_of_call(&self, stage: Stage) -> u32 {
        match stage {
            Stage::Asks(Call::Save(_, record)) => self.tables.claims_of_record(record),
            Stage::Asks(Call::WriteClaim(_, claim)) => 1 << claim.name,
            _ => 0,
        }
    }

    fn answer(&self, answer: Answer, time: Ticks) -> Real {
        match answer {
            Answer::Stored(view) => Real::Stored(Box::new(self.run(view, time))),
            Answer::Done => Real::Done,
            Answer::NotStored(fault) => Real::NotStored(real::store_error(fault)),
            Answer::Jobs(board) => {
                let board = self.tables.board(board);
                let begun = time - Ticks::from(board.begun.unwrap_or(0));
                let jobs = board.jobs.iter().map(|job| real::seen(*job, time));
                Real::Jobs(at(begun, 0), jobs.collect())
            }
            Answer::NotRead => Real::NotRead(real::not_read()),
            Answer::Triggered(outcome) => Real::Triggered(real::outcome(outcome)),
            Answer::Operation(ended) => Real::Operation(ended.map(real::operation)),
            Answer::Job(job) => Real::Job(job.map(|job| Box::new(real::detail(job, time)))),
            Answer::Matching(matched) => Real::Matching(matched.matching()),
            Answer::Lock(lock) => Real::Lock(Box::new(real::lock(lock))),
            Answer::Holder(state) => Real::Holder(state),
        }
    }

    fn claims_of_answer(&self, answer: Answer) -> u32 {
        match answer {
            Answer::Stored(view) => {
                let word = view.resolve.map_or(0, super::words::Word::bits);
                view.mark.bits() | word | self.tables.claims_of_record(view.record)
            }
            _ => 0,
        }
    }
}

fn locks_of(answer: Answer) -> u8 {
    match answer {
        Answer::Lock(Some((version, _))) => 1 << version,
        _ => 0,
    }
}

/// Longer waits are cut: a pass may always come early, as somebody may change the object.
const LONGEST: Ticks = 4;

fn due(over: Option<Result<After, StoreError>>) -> Due {
    match over {
        None | Some(Ok(After::Rest) | Err(StoreError::Gone)) => Due::Never,
        Some(Ok(After::In(wait))) => {
            Due::In(u8::try_from(after(wait).clamp(0, LONGEST)).unwrap_or(0))
        }
        Some(Err(StoreError::Conflict)) => Due::In(0),
        Some(Err(StoreError::Lost(_) | StoreError::Refused(_))) => Due::In(1),
    }
}
