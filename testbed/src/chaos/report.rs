//! What a soak prints: a line now and then, and the report at its end.

use super::audit::{Accepted, Outcome, Verdict, in_words, waits_for_a_person};
use super::calm::{Words, full_name};
use super::schedule::What;
use super::stage::Stage;
use crate::RestoreType;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that the report is made from.
pub struct Report<'a> {
    pub stage: &'a Stage,
    pub took: Duration,
    pub accepted: &'a [Accepted],
    pub outcomes: &'a [Outcome],
    pub verdict: &'a Verdict,
    /// What the person did in the calm.
    pub words: &'a Words,
    /// Lines of controller logs that speak of a panic.
    pub panics: &'a [String],
    pub requests: u64,
}

impl Report<'_> {
    /// Whether every promise was kept.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.panics.is_empty()
    }

    pub fn print(&self) {
        let counts = self.stage.tally.counts();
        let verdict = self.verdict;
        let jobs = self
            .accepted
            .iter()
            .filter(|restore| restore.job.is_some())
            .count();
        let held = self
            .outcomes
            .iter()
            .filter(|outcome| holds(outcome))
            .count();
        println!("\n=== Report after {:.0} s\n", self.took.as_secs_f64());
        println!(
            "  runs                 {}",
            counts.done.get("created").copied().unwrap_or_default()
        );
        println!(
            "  objects at the end   {}: {}",
            self.outcomes.len(),
            listed(&verdict.phases)
        );
        println!(
            "  accepted by Azure    {} restores, {jobs} jobs in the ledger",
            self.accepted.len()
        );
        for restore in RestoreType::ALL {
            println!("    {:<18} {}", restore.as_str(), self.of_type(restore));
        }
        println!("  duplicates           {}", verdict.duplicates.len());
        println!("  lost                 {}", verdict.lost.len());
        println!("  dishonest            {}", verdict.dishonest.len());
        println!("  stuck                {}", verdict.stuck.len());
        println!("  repeated in place    {}", verdict.repeated.len());
        println!("  overlapping in place {}", verdict.overlapping.len());
        println!("  of nobody            {}", verdict.foreign);
        self.print_excused();
        println!(
            "  blocked with reason  {}: {}",
            verdict.blocked.values().sum::<usize>(),
            listed(&verdict.blocked)
        );
        println!(
            "  resolved by a person {}: {}",
            self.words.counts.values().sum::<u32>(),
            listed(&self.words.counts)
        );
        println!("  claims still held    {held} of the finished runs");
        println!("  requests to Azure    {}", self.requests);
        println!("  events               {}", counts.in_words());
        println!(
            "  longest stall        {:.1} s of the whole machine",
            counts.longest_stall.as_secs_f64()
        );
        for how in &counts.ended_by_itself {
            println!("  a controller ended by itself: {how}");
        }
        for what in &counts.failed {
            println!("  not carried out: {what}");
        }
        for outcome in self.outcomes.iter().filter(|outcome| holds(outcome)) {
            println!(
                "  {} still holds its claim: {}",
                full_name(self.stage, outcome.run),
                in_words(outcome)
            );
        }
        for outcome in self
            .outcomes
            .iter()
            .filter(|outcome| waits_for_a_person(outcome))
        {
            println!(
                "  {} waits: {}",
                full_name(self.stage, outcome.run),
                in_words(outcome)
            );
        }
        for panic in self.panics {
            println!("  PANIC {panic}");
        }
        self.print_offences();
        println!(
            "\n{}",
            if self.is_good() {
                "Every run is one job, and every status is true."
            } else {
                "Promises were BROKEN: see above."
            }
        );
    }

    /// The runs of a type, what Azure accepted of them, and how they ended.
    fn of_type(&self, restore: RestoreType) -> String {
        let is_of = |run: usize| self.stage.run(run).restore == restore;
        let accepted = self.accepted.iter().filter(|other| is_of(other.run));
        let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in self.outcomes.iter().filter(|outcome| is_of(outcome.run)) {
            *phases.entry(&outcome.phase).or_default() += 1;
        }
        format!("{} accepted; {}", accepted.count(), listed(&phases))
    }

    /// What would be an offence, had Azure filled the ids of the jobs that it is about.
    fn print_excused(&self) {
        let unfilled = self
            .accepted
            .iter()
            .filter(|restore| restore.unfilled)
            .count();
        println!(
            "  ids not filled       {unfilled} jobs; excused because of them {}",
            self.verdict.excused.len()
        );
        for (class, offence) in &self.verdict.excused {
            println!(
                "    excused {class} {}: {}; {}",
                full_name(self.stage, offence.run),
                offence.text,
                self.matching_of(offence.run)
            );
        }
    }

    /// What the vault of a run said from its first restore to its last one.
    fn matching_of(&self, run: usize) -> String {
        let own = || self.accepted.iter().filter(|restore| restore.run == run);
        let (Some(first), Some(last)) = (own().next(), own().next_back()) else {
            return "nothing was accepted".to_owned();
        };
        let namespace = self.stage.run(run).namespace;
        let seen = self.stage.matching.lock();
        let seen = seen.unwrap_or_else(std::sync::PoisonError::into_inner);
        let between: Vec<bool> = seen
            .iter()
            .filter(|(at, of, _)| *of == namespace && (first.at..=last.at).contains(at))
            .map(|(_, _, broken)| *broken)
            .collect();
        let broken = between.iter().filter(|broken| **broken).count();
        format!(
            "jobMatching was Broken at {broken} of {} looks between its restores",
            between.len()
        )
    }

    /// Each offence with what happened to its run, by the positions of the schedule.
    fn print_offences(&self) {
        for (class, offence) in self.verdict.offences() {
            println!(
                "\n  {class} {} ({}, {:?}): {}",
                full_name(self.stage, offence.run),
                self.stage.run(offence.run).restore.as_str(),
                self.stage.run(offence.run).kind,
                offence.text
            );
            for (position, event) in self.stage.schedule.events.iter().enumerate() {
                if event.what.run() == Some(offence.run) {
                    println!(
                        "    event {position} at {:.1} s: {}",
                        event.at.as_secs_f64(),
                        event.what
                    );
                }
            }
            for restore in self
                .accepted
                .iter()
                .filter(|restore| restore.run == offence.run)
            {
                println!(
                    "    accepted {} as {}: {:?} {}",
                    restore.at, restore.request_id, restore.job, restore.status
                );
            }
        }
    }
}

/// Whether a run has ended and still has a claim: one whose job a person named keeps it.
fn holds(outcome: &Outcome) -> bool {
    outcome.finished && outcome.claim.is_some()
}

fn listed<K: std::fmt::Display, V: std::fmt::Display>(counts: &BTreeMap<K, V>) -> String {
    let words: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// The schedule, a line for each event.
pub fn print_schedule(schedule: &super::schedule::Schedule) {
    for (position, event) in schedule.events.iter().enumerate() {
        let about = match &event.what {
            What::Create(run) => format!(" {:?}", schedule.runs[*run]),
            _ => String::new(),
        };
        println!(
            "{position:4} {:7.1} s  {}{about}",
            event.at.as_secs_f64(),
            event.what
        );
    }
}
