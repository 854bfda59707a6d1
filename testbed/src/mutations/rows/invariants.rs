//! Mistakes that break what must hold in every world.

use super::super::Breaks::Invariant as Breaks;
use super::super::Check::{Schedules, Test};
use super::super::Invariant::*;
use super::super::{Edit, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "an older claim that comes back is believed",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "plan.rs",
            text: "claim.is_some_and(|claim| is_set_back(run, claim, memory))",
            replacement: "claim.is_some_and(|claim| is_set_back(run, claim, memory) && false)",
        }],
        caught_by: &[
            Test("an_older_claim_that_comes_back_before_the_result_is_written_makes_no_second_job"),
            Test("a_deletion_does_not_let_go_of_an_older_claim_that_comes_back"),
            Test("the_window_of_an_older_claim_that_comes_back_does_not_count_for_the_last"),
        ],
    },
    Row {
        name: "an open claim has no window",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "evidence.rs",
            text: "(self.listing.begun.boot < over).then(",
            replacement: "false.then(",
        }],
        caught_by: &[
            Schedules(1_000),
            Test("a_lost_answer_is_followed_by_its_job_or_after_the_window_by_the_next_attempt"),
        ],
    },
    Row {
        name: "a listing begun in the window counts once the window is over",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "evidence.rs",
            text: "(self.listing.begun.boot < over).then(",
            replacement: "(self.now.boot < over).then(",
        }],
        caught_by: &[Test("look::tests")],
    },
    Row {
        name: "that activity ids are left out is ignored",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "let matching = self.compare(run, &listing).await?;",
            replacement: "self.compare(run, &listing).await?;
        let matching = Matching::Proven;",
        }],
        caught_by: &[Schedules(2_000)],
    },
    Row {
        name: "an attempt follows one that Azure accepted",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "look.rs",
            text: "if let Some(accepted) = accepted_and_open(look.run) {",
            replacement: "if let Some(accepted) = accepted_and_open(look.run).filter(|_| false) {",
        }],
        caught_by: &[Schedules(2_000), Test("look::tests")],
    },
    Row {
        name: "that Azure accepted is not recorded",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "progress.rs",
            text: "            attempt.accepted = true;
            attempt.operation = operation.clone();",
            replacement: "            attempt.operation = operation.clone();",
        }],
        caught_by: &[Schedules(2_000), Test("progress::tests")],
    },
    Row {
        name: "a job that runs is taken for one that failed",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "look.rs",
            text: ".find(|found| found.job().status != JobStatus::Failed);",
            replacement: ".find(|found| found.job().status.is_terminal());",
        }],
        caught_by: &[Schedules(500), Test("look::tests")],
    },
    Row {
        name: "a look does not search for the ids of later attempts",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "evidence.rs",
            text: "            .request_ids()
            .filter_map(|(attempt, id)| {",
            replacement: "            .request_ids()
            .filter(|(attempt, _)| *attempt == 1)
            .filter_map(|(attempt, id)| {",
        }],
        caught_by: &[Schedules(2_000), Test("look::tests")],
    },
    Row {
        name: "what came of a trigger is recorded under any claim",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "if stored.run.mark != Mark::Standing(claim) {",
            replacement: "if false {",
        }],
        caught_by: &[Schedules(3_000)],
    },
    Row {
        name: "a claim that cannot be read counts for nothing",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "plan.rs",
            text: "Mark::Unreadable => return Step::PlacePlaceholder,",
            replacement: "Mark::Unreadable => None,",
        }],
        caught_by: &[
            Schedules(2_000),
            Test("an_annotation_spoilt_at_any_instant_makes_no_second_job"),
        ],
    },
    Row {
        name: "a claim whose answer was lost is taken for ours",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "if standing.run.mark != Mark::Standing(claim) {",
            replacement: "if false {",
        }],
        caught_by: &[Schedules(2_000)],
    },
    Row {
        name: "a claim that somebody else was faster with is taken for ours",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "Err(StoreError::Conflict) => return Ok(AT_ONCE),",
            replacement: "Err(StoreError::Conflict) => {}",
        }],
        caught_by: &[Schedules(2_000)],
    },
    Row {
        name: "a claim lives for a day",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pace.rs",
            text: "CLAIM_LIFE: SignedDuration = SignedDuration::from_secs(30)",
            replacement: "CLAIM_LIFE: SignedDuration = SignedDuration::from_hours(24)",
        }],
        caught_by: &[Test("way_2_")],
    },
    Row {
        name: "a trigger goes out with the id of the next attempt",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "request_id: run.key.request_id(attempt),",
            replacement: "request_id: run.key.request_id(attempt + 1),",
        }],
        caught_by: &[Schedules(100)],
    },
    Row {
        name: "an unknown outcome is followed although a second restore destroys",
        breaks: Breaks(NothingAfterUnknown),
        edits: &[Edit {
            file: "look.rs",
            text: "if !look.run.intent.target.may_be_retried() {",
            replacement: "if false {",
        }],
        caught_by: &[Test("look::tests")],
    },
    Row {
        name: "a restore that destroys follows although a job of before has vanished",
        breaks: Breaks(NothingAfterUnknown),
        edits: &[Edit {
            file: "look.rs",
            text: "if something_happened && ",
            replacement: "if false && ",
        }],
        caught_by: &[Test("look::tests")],
    },
    Row {
        name: "a vm is written over while another restore of it runs",
        breaks: Breaks(NothingAfterUnknown),
        edits: &[Edit {
            file: "claiming.rs",
            text: "let other = look.other_restore()?;",
            replacement: "let other = look.other_restore().filter(|_| false)?;",
        }],
        caught_by: &[Test("look::tests")],
    },
    Row {
        name: "what has ended is looked at again",
        breaks: Breaks(EndsAbsorb),
        edits: &[Edit {
            file: "plan.rs",
            text: "let ended = run.record.end.is_some() && (claim.is_none() || own.is_some());",
            replacement: "let ended = false;",
        }],
        caught_by: &[Schedules(500), Test("plan::tests")],
    },
    Row {
        name: "a late answer reopens what has ended",
        breaks: Breaks(EndsAbsorb),
        edits: &[Edit {
            file: "progress.rs",
            text: "let over = record.end.is_some() && before.is_some();",
            replacement: "let over = false;",
        }],
        caught_by: &[Schedules(3_000), Test("progress::tests")],
    },
    Row {
        name: "a failed job that a person named is followed by an attempt",
        breaks: Breaks(EndsAbsorb),
        edits: &[Edit {
            file: "following.rs",
            text: "if attempt.state != AttemptState::Adopted {",
            replacement: "if true {",
        }],
        caught_by: &[Test("following::tests")],
    },
    Row {
        name: "a run that waits to let go never looks whether it may",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "if release == Some(Release::Now) {",
            replacement: "if false {",
        }],
        caught_by: &[Schedules(500)],
    },
    Row {
        name: "a blocked run does not say how to resolve it",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "questions.rs",
            text: "adopt:{id}/<job id> (that job is it) or abandon:{id} (end this run)",
            replacement: "adopt:{id}/<job id> (that job is it)",
        }],
        caught_by: &[Schedules(500)],
    },
    Row {
        name: "looks do not cover jobs that are older than the last look",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "            .min()\n            .map(|since| pace::listable(since, now))",
            replacement: "            .min()
            .filter(|_| false)
            .map(|since| pace::listable(since, now))",
        }],
        caught_by: &[Test("the_claim_of_an_old_job_is_let_go"), Schedules(2_000)],
    },
    Row {
        name: "a vault object that is lost is reported as the run's",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "StoreError::Gone => StoreError::Refused(\"the vault's object is gone\".to_owned()),",
            replacement: "StoreError::Gone => StoreError::Gone,",
        }],
        caught_by: &[Test(
            "a_vault_object_lost_in_the_middle_of_a_look_is_found_again",
        )],
    },
    Row {
        name: "a job that vanished from every list is followed for ever",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "questions.rs",
            text: "filter(|over| now.wall >= *over)",
            replacement: "filter(|over| now.wall < *over && false)",
        }],
        caught_by: &[Test("plan::tests")],
    },
    Row {
        name: "a run whose vault is away asks a hundred times a minute",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "pass/mod.rs",
            text: "        Ok(After::In(pace::LONGEST_WAIT / 2))\n    }\n\n    /// Says of a deletion",
            replacement: "        Ok(AT_ONCE)\n    }\n\n    /// Says of a deletion",
        }],
        caught_by: &[Schedules(500)],
    },
];
