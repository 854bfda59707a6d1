//! Mistakes that make a status keep silent about what is there.

use super::super::Breaks::Invariant as Breaks;
use super::super::Check::{Schedules, Test};
use super::super::Invariant::*;
use super::super::{Edit, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a lost status is built again from the newest job alone",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "adoption::listed(&mut stored.run.record, stored.run.key, &untold);",
            replacement: "let _ = &mut stored;",
        }],
        caught_by: &[Test("a_status_that_gets_lost_names_every_failed_job_again")],
    },
    Row {
        name: "a failed job that a list alone showed counts as read",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "look.rs",
            text: ".filter(|attempt| attempt.error.is_some());",
            replacement: ".filter(|_| true);",
        }],
        caught_by: &[Test(
            "a_failed_job_that_a_list_alone_showed_is_read_before_anything_follows_it",
        )],
    },
    Row {
        name: "a run that knows no job times out by a look of before",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "plan.rs",
            text: "in_vain.is_some_and(|since| late >= window && now.boot >= since + window)",
            replacement: "in_vain.is_some() || memory.last_look.is_some_and(since) || late >= window",
        }],
        caught_by: &[Test("plan::tests")],
    },
    Row {
        name: "what is written while a deletion waits does not say so",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "pass/mod.rs",
            text: "let told = release::told_while_deleting(&stored.run, record);",
            replacement: "let told: Option<Record> = None;",
        }],
        caught_by: &[Schedules(1_000)],
    },
    Row {
        name: "a deletion waits in silence for what the run waited for",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "plan.rs",
            text: "|| run.deleting && !memory.heeded_deletion",
            replacement: "|| false",
        }],
        caught_by: &[Test("a_deletion_cuts_a_wait_short_once"), Schedules(2_000)],
    },
    Row {
        name: "a pass that could not write has told of the deletion",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "pass/mod.rs",
            text: "if result.is_err() && self.memory.heeded_deletion && !knew {",
            replacement: "if false {",
        }],
        caught_by: &[Schedules(3_000)],
    },
];
