//! Records, memories and boards by numbers: what is equal has one number, and what becomes of it in a tick is computed once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::super::record::{Memory, Record};
use super::ages::{Oldest, claims_of_memory, claims_of_record, without_lost_claims};
use super::words::{Listed, Stands};

/// What a process knows of the vault's jobs: the jobs of its last list, and those of before that it still keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Board {
    /// Ticks since the list was begun; none when there was none.
    pub begun: Option<u8>,
    pub jobs: Vec<Listed>,
}

/// Values that are told apart by what they print.
struct Table<T> {
    values: Vec<Rc<T>>,
    /// The claims that each names.
    claims: Vec<u32>,
    numbers: HashMap<u128, u32>,
    moved: HashMap<u32, u32>,
}

impl<T: std::fmt::Debug> Table<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            claims: Vec::new(),
            numbers: HashMap::new(),
            moved: HashMap::new(),
        }
    }

    fn number(&mut self, value: T, claims: impl Fn(&T) -> u32) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(digest(&value)).or_insert(next);
        if number == next {
            self.claims.push(claims(&value));
            self.values.push(Rc::new(value));
        }
        number
    }
}

struct Digest(DefaultHasher, DefaultHasher);

impl std::fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        self.1.write(text.as_bytes());
        Ok(())
    }
}

fn digest(value: &impl std::fmt::Debug) -> u128 {
    let mut digest = Digest(DefaultHasher::new(), DefaultHasher::new());
    1_u8.hash(&mut digest.1);
    // Writing to a hash cannot fail.
    let _ = write!(digest, "{value:?}");
    u128::from(digest.0.finish()) << 64 | u128::from(digest.1.finish())
}

/// All of them. Number 0 is the empty one of each.
pub struct Tables {
    oldest: Oldest,
    records: Table<Record>,
    memories: Table<Memory>,
    boards: Table<Board>,
    tidied: HashMap<(u32, u32), u32>,
}

impl Tables {
    pub fn new(oldest: Oldest) -> Self {
        let mut tables = Self {
            oldest,
            records: Table::new(),
            memories: Table::new(),
            boards: Table::new(),
            tidied: HashMap::new(),
        };
        tables.number_of_record(Record::default());
        tables.number_of_memory(Memory::default());
        tables.number_of_board(Board::default());
        tables
    }

    pub fn number_of_record(&mut self, record: Record) -> u32 {
        self.records.number(record, claims_of_record)
    }

    pub fn record(&self, number: u32) -> Rc<Record> {
        self.records.values[number as usize].clone()
    }

    pub fn claims_of_record(&self, number: u32) -> u32 {
        self.records.claims[number as usize]
    }

    pub fn memory(&self, number: u32) -> Rc<Memory> {
        self.memories.values[number as usize].clone()
    }

    pub fn claims_of_memory(&self, number: u32) -> u32 {
        self.memories.claims[number as usize]
    }

    pub fn locks_of_memory(&self, number: u32) -> u8 {
        let memory = &self.memories.values[number as usize];
        let version = memory.vacancy.as_ref().and_then(|vacancy| {
            let version = vacancy.lock.version.as_ref()?;
            version.parse::<u8>().ok()
        });
        version.map_or(0, |version| 1 << version)
    }

    pub fn board(&self, number: u32) -> Rc<Board> {
        self.boards.values[number as usize].clone()
    }

    pub fn number_of_board(&mut self, board: Board) -> u32 {
        self.boards.number(board, |_| 0)
    }

    pub fn number_of_memory(&mut self, memory: Memory) -> u32 {
        self.memories.number(memory, claims_of_memory)
    }

    /// A record a tick later.
    pub fn older_record(&mut self, number: u32) -> u32 {
        if let Some(moved) = self.records.moved.get(&number) {
            return *moved;
        }
        let mut record = (*self.record(number)).clone();
        self.oldest.record(&mut record, 1);
        let moved = self.records.number(record, claims_of_record);
        self.records.moved.insert(number, moved);
        moved
    }

    /// A memory a tick later.
    pub fn older_memory(&mut self, number: u32) -> u32 {
        if let Some(moved) = self.memories.moved.get(&number) {
            return *moved;
        }
        let mut memory = (*self.memory(number)).clone();
        self.oldest.memory(&mut memory, 1, false);
        let moved = self.number_of_memory(memory);
        self.memories.moved.insert(number, moved);
        moved
    }

    /// A board a tick later.
    pub fn older_board(&mut self, number: u32) -> u32 {
        if let Some(moved) = self.boards.moved.get(&number) {
            return *moved;
        }
        let mut board = (*self.board(number)).clone();
        // Of a list that is no longer of this tick only which jobs it shows is asked for: the next list shows them all again.
        board.begun = board.begun.map(|_| 1);
        for job in &mut board.jobs {
            (job.shown, job.age, job.stands) = (1, 0, Stands::Runs);
        }
        let moved = self.number_of_board(board);
        self.boards.moved.insert(number, moved);
        moved
    }

    /// What a process remembers without the claims that nobody can show to it any more.
    pub fn tidy_memory(&mut self, number: u32, shown: u32) -> u32 {
        let named = self.claims_of_memory(number);
        if named & !shown == 0 {
            return number;
        }
        let key = (number, shown & named);
        if let Some(tidied) = self.tidied.get(&key) {
            return *tidied;
        }
        let tidied = match without_lost_claims(&self.memory(number), shown) {
            Some(memory) => self.number_of_memory(memory),
            None => number,
        };
        self.tidied.insert(key, tidied);
        tidied
    }
}
