//! Records and memories with their instants as ages: moved with the time that passes, and no older than what any decision
//! can tell apart. `mod.rs` says why that loses nothing.

use jiff::Timestamp;

use super::super::record::{Memory, Record};
use super::names::{claim_names, mask_of};
use super::time::{Ticks, WINDOW, at, boot, moved, moved_wall, ticks_of, wall};
use super::worlds::Bounds;

/// How old instants can be told apart, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    /// When an attempt was claimed and a job started. Nothing compares them where ids are filled.
    pub claimed: Option<Ticks>,
    /// When the run began. Nothing compares it while `timeouts.run` is a day.
    pub begun: Option<Ticks>,
    /// The last complete look.
    pub look: Ticks,
    /// Times in messages: each is compared with a later one only.
    pub told: Ticks,
    /// How long a process stands still between two calls.
    pub idle: Ticks,
    /// Whether the wall clock is compared with anything: then passes are told apart also by when they were answered.
    pub wall: bool,
}

impl Oldest {
    pub fn of(bounds: &Bounds) -> Self {
        let skew = bounds.clock_jump;
        Self {
            claimed: (!bounds.ids.are_filled()).then_some(WINDOW + 2),
            begun: bounds
                .run_timeout
                .map(|timeout| timeout + 2 * WINDOW + skew),
            look: if bounds.run_timeout.is_some() {
                2 * WINDOW + 1
            } else {
                WINDOW
            },
            told: skew + 1,
            idle: WINDOW + 1 + skew,
            wall: !bounds.ids.are_filled()
                || bounds.start_by.is_some()
                || bounds.run_timeout.is_some()
                || skew > 0,
        }
    }

    fn wall(instant: Timestamp, by: Ticks, oldest: Option<Ticks>) -> Timestamp {
        oldest.map_or(wall(0), |oldest| moved_wall(instant, by, oldest))
    }

    /// A record as it is seen when so many ticks more have passed; none: brought into its normal form.
    pub fn record(&self, record: &mut Record, passed: Ticks) {
        let move_it = |instant: &mut Option<Timestamp>, oldest| {
            *instant = instant.map(|instant| Self::wall(instant, -passed, oldest));
        };
        move_it(&mut record.start_time, self.begun);
        move_it(&mut record.trigger_time, self.claimed);
        move_it(&mut record.completion_time, None);
        for attempt in &mut record.attempts {
            move_it(&mut attempt.claimed, self.claimed);
        }
        if let Some(job) = &mut record.job {
            move_it(&mut job.summary.started, self.claimed);
        }
        if let Some(text) = told_later(&record.note.message, -passed, self.told) {
            record.note.message = text;
        }
    }

    /// A record as a pass reads it so many ticks after it began.
    pub fn read_later(&self, record: &mut Record, later: Ticks) {
        let move_it = |instant: &mut Option<Timestamp>| {
            *instant = instant.map(|instant| moved_wall(instant, later, 100));
        };
        move_it(&mut record.start_time);
        move_it(&mut record.trigger_time);
        move_it(&mut record.completion_time);
        for attempt in &mut record.attempts {
            move_it(&mut attempt.claimed);
        }
        if let Some(job) = &mut record.job {
            move_it(&mut job.summary.started);
        }
        if let Some(text) = told_later(&record.note.message, later, 100) {
            record.note.message = text;
        }
    }

    /// What a process remembers, so many ticks later, in its normal form. A pass that is under way may still compare it with
    /// a list that it began before it last stood still.
    pub fn memory(&self, memory: &mut Memory, passed: Ticks, under_way: bool) {
        let earlier = if under_way { self.idle } else { 0 };
        for seen in memory.claims.values_mut() {
            *seen = moved(*seen, -passed, WINDOW + earlier);
        }
        for known in memory.jobs.values_mut() {
            *known = moved(*known, -passed, WINDOW + earlier);
        }
        for listed in memory.listed.values_mut() {
            *listed = moved(*listed, -passed, 2 + earlier);
        }
        memory.last_look = memory
            .last_look
            .map(|look| moved(look, -passed, self.look + earlier));
        // It is compared with first sights of claims, and only the later one counts.
        let first = memory.claims.values().min().copied();
        if self.begun.is_none() {
            memory.last_look = memory
                .last_look
                .filter(|look| first.is_some_and(|first| *look > first));
        }
        memory.looks_in_vain_since = memory
            .looks_in_vain_since
            .map(|since| moved(since, -passed, WINDOW + earlier));
        // How long a job has stood still is said, and decides nothing: in these worlds nobody says it.
        memory.stillness = None;
        memory.oldest_job = None;
        for pause in [&mut memory.not_before, &mut memory.refused_until] {
            *pause = pause
                .map(|instant| ticks_of(instant) - passed)
                .filter(|left| *left > 0)
                .map(boot);
        }
        memory.tries = memory.tries.min(5);
        memory.asked_for = memory
            .asked_for
            .take()
            .filter(|_| self.begun.is_some())
            .map(|(job, asked)| (job, moved(asked, -passed, self.look)));
        if let Some(unrecorded) = &mut memory.unrecorded {
            unrecorded.claimed = match self.claimed {
                Some(oldest) => super::super::facts::Now {
                    wall: moved_wall(unrecorded.claimed.wall, -passed, oldest),
                    boot: boot(0),
                },
                None => at(0, 0),
            };
        }
        if let Some(vacancy) = &mut memory.vacancy {
            vacancy.since = moved(vacancy.since, -passed, WINDOW + earlier);
        }
    }
}

/// Forgets claims that nobody can show to this process any more and that say nothing about the latest one. Nothing if there
/// are none.
pub fn without_lost_claims(memory: &Memory, shown: u32) -> Option<Memory> {
    let names = claim_names();
    let is_shown = |id| {
        let number = names.iter().position(|name| *name == id);
        number.is_none_or(|number| shown & (1 << number) != 0)
    };
    // An older one may be set back.
    let older = |id| {
        memory
            .claims
            .keys()
            .any(|other| *other != id && is_shown(*other))
    };
    let matters = |id, seen| {
        let is_latest = memory.latest_claim == Some(id);
        is_shown(id) || is_latest && (seen > boot(-WINDOW) || older(id))
    };
    if memory.claims.iter().all(|(id, seen)| matters(*id, *seen)) {
        return None;
    }
    let mut tidy = memory.clone();
    tidy.claims.retain(|id, seen| matters(*id, *seen));
    tidy.latest_claim = tidy.latest_claim.filter(|id| tidy.claims.contains_key(id));
    let memory = tidy;
    Some(memory)
}

/// A message whose times are so many ticks later; nothing if it has none.
fn told_later(message: &str, by: Ticks, oldest: Ticks) -> Option<String> {
    let is_time = |word: &str| word.len() >= 20 && word.as_bytes()[4..6].contains(&b'-');
    if !message.split(' ').any(is_time) {
        return None;
    }
    let words = message.split(' ').map(|word| {
        let plain = word.trim_matches(['(', ')', ';', ',', ':', '.']);
        match plain.parse::<Timestamp>() {
            Ok(time) => word.replace(plain, &moved_wall(time, by, oldest).to_string()),
            Err(_) => word.to_owned(),
        }
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

/// The claims that a record names.
pub fn claims_of_record(record: &Record) -> u32 {
    let named = record.attempts.iter().filter_map(|attempt| attempt.claim);
    named.fold(mask_of(&record.note.message), |mask, id| {
        mask | super::names::bit_of(id)
    })
}

/// The claims that a memory names.
pub fn claims_of_memory(memory: &Memory) -> u32 {
    let unrecorded = memory.unrecorded.iter().map(|known| known.claim.id);
    let heeded = memory.heeded.iter().map(|word| match word {
        super::super::record::Resolve::Retry(id)
        | super::super::record::Resolve::Adopt(id, _)
        | super::super::record::Resolve::Abandon(id) => *id,
    });
    memory
        .claims
        .keys()
        .copied()
        .chain(unrecorded)
        .chain(heeded)
        .fold(0, |mask, id| mask | super::names::bit_of(id))
}
