//! Mistakes that make a status keep silent about what is there.

use super::super::Breaks::Invariant as Breaks;
use super::super::Check::{Schedules, Test};
use super::super::Invariant::*;
use super::super::{Edit, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a lost answer is forgotten beside an earlier job that failed",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "look.rs",
            text: "later.number > failed.attempt && is_undecided(later)",
            replacement: "later.number > failed.attempt && later.accepted && is_undecided(later)",
        }],
        caught_by: &[Test("a_lost_answer_outlives_a_claim_that_cannot_be_read")],
    },
    Row {
        name: "a second job with the id of the one that is followed is not told",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "pass/following.rs",
            text: "if let Some((number, other)) = look.beside(&id) {",
            replacement: "if let Some((number, other)) = look.beside(&id).filter(|_| false) {",
        }],
        caught_by: &[Test(
            "a_second_job_with_the_id_of_the_one_that_is_followed_is_named",
        )],
    },
    Row {
        name: "a lost status is built again from the newest job alone",
        breaks: Breaks(StatusTells),
        edits: &[
            Edit {
                file: "pass/looking.rs",
                text: "adoption::listed(&mut stored.run.record, stored.run.key, &untold);",
                replacement: "let _ = &mut stored;",
            },
            Edit {
                file: "pass/following.rs",
                text: "adoption::listed(&mut record, run.key, &look.untold());",
                replacement: "let _ = &mut record;",
            },
        ],
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
            text: "|| is_silent_deletion(run)",
            replacement: "|| is_silent_deletion(run) && false",
        }],
        caught_by: &[
            Test("a_deletion_cuts_waits_short_until_status_tells_of_it"),
            Schedules(2_000),
        ],
    },
    Row {
        name: "what an older claim waits for tells of a deletion",
        breaks: Breaks(StatusTells),
        edits: &[Edit {
            file: "record.rs",
            text: "says(\"the deletion waits\") || says(\"abandon:\") || self.unreadable.is_some()",
            replacement: "says(\"the deletion waits\") || self.is_blocked_on_a_claim() || self.unreadable.is_some()",
        }],
        caught_by: &[Test(
            "whatever_is_written_while_a_deletion_waits_says_that_it_does",
        )],
    },
];
