//! What earlier wordings of the protocol did, brought back.

use super::super::{Breaks::Way, Check::Test, Edit, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "the window of a claim counts from the first claim that was seen",
        breaks: Way(1),
        edits: &[
            Edit {
                file: "record.rs",
                text: "        if let Entry::Vacant(place) = self.claims.entry(claim) {",
                replacement: "        let oldest = self.claims.values().min().copied().unwrap_or(now.boot);
        if let Entry::Vacant(place) = self.claims.entry(claim) {",
            },
            Edit {
                file: "record.rs",
                text: "            place.insert(now.boot);",
                replacement: "            place.insert(oldest);",
            },
        ],
        caught_by: &[Test(
            "way_1_every_claim_of_an_attempt_starts_a_window_of_its_own",
        )],
    },
    Row {
        name: "the life of a claim counts from when it is known to stand",
        breaks: Way(2),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "            deadline,\n        };",
            replacement: "            deadline: Deadline {
                boot: self.clock.now().boot + life,
                wall: self.clock.now().wall + life,
            },
        };",
        }],
        caught_by: &[Test(
            "way_2_a_claim_is_as_old_as_its_write_and_not_as_the_read_that_found_it",
        )],
    },
    Row {
        name: "all claims of a process have one id",
        breaks: Way(3),
        edits: &[Edit {
            file: "simulation/object_store.rs",
            text: "self.world.lock().new_claim_id()",
            replacement: "ClaimId::new(uuid::Uuid::from_u128(self.process as u128))",
        }],
        caught_by: &[Test(
            "way_3_a_refusal_says_nothing_about_a_later_claim_of_the_same_process",
        )],
    },
    Row {
        name: "a listing of any age serves for the look before a claim",
        breaks: Way(4),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "begun_after: Some(begun_after),\n            any_age: false,",
            replacement: "begun_after: None,\n            any_age: true,",
        }],
        caught_by: &[Test(
            "way_4_a_look_is_begun_after_the_read_that_the_claim_builds_on",
        )],
    },
    Row {
        name: "the finalizer is removed without compare-and-swap",
        breaks: Way(4),
        edits: &[Edit {
            file: "simulation/object_store.rs",
            text: "let object = world.compare(run, base.version)?;\n            object.mark = Mark::None;",
            replacement: "let object = world.runs[run].object.as_mut().ok_or(StoreError::Gone)?;
            object.mark = Mark::None;",
        }],
        caught_by: &[Test(
            "way_4_a_finalizer_is_removed_only_if_the_object_is_as_it_was_read",
        )],
    },
    Row {
        name: "the claim goes at the first sight of the job",
        breaks: Way(5),
        edits: &[Edit {
            file: "release.rs",
            text: "if seen.shown_by_listing_begun.boot >= due {",
            replacement: "if true {",
        }],
        caught_by: &[Test(
            "way_5_a_job_holds_its_claim_until_lists_show_it_for_good",
        )],
    },
    Row {
        name: "a claim of which the status says nothing counts for nothing",
        breaks: Way(6),
        edits: &[Edit {
            file: "plan.rs",
            text: "Mark::Standing(claim) => Some(claim),",
            replacement: "Mark::Standing(claim) => run.record.of_claim(claim).map(|_| claim),",
        }],
        caught_by: &[Test(
            "way_6_a_status_erased_around_a_claim_makes_no_second_job",
        )],
    },
    Row {
        name: "what is recorded counts under any claim id",
        breaks: Way(6),
        edits: &[Edit {
            file: "record.rs",
            text: "attempt.number == claim.attempt && attempt.claim == Some(claim.id)",
            replacement: "attempt.number == claim.attempt",
        }],
        caught_by: &[Test(
            "way_6_a_status_rolled_back_around_a_claim_decides_nothing",
        )],
    },
    Row {
        name: "a late no is recorded whatever was decided meanwhile",
        breaks: Way(7),
        edits: &[Edit {
            file: "progress.rs",
            text: "if !undecided || over =>",
            replacement: "if false =>",
        }],
        caught_by: &[
            Test("way_7_a_late_no_changes_nothing_once_a_person_has_abandoned"),
            Test("way_7_a_late_no_does_not_unblock_a_run"),
        ],
    },
    Row {
        name: "an operation that failed is looked after as if it had a job",
        breaks: Way(8),
        edits: &[Edit {
            file: "following.rs",
            text: "own.state = AttemptState::OperationFailed;",
            replacement: "own.state = AttemptState::JobSought;",
        }],
        caught_by: &[Test(
            "way_8_an_operation_that_failed_without_a_job_is_followed_by_an_attempt_or_the_end",
        )],
    },
    Row {
        name: "the job of an accepted request is looked for without end",
        breaks: Way(8),
        edits: &[Edit {
            file: "look.rs",
            text: "    if let Some(wait) = wait {
        return Decision::Wait(wait);
    }
    let next = look.next_number();",
            replacement:
                "    let accepted = accepted_and_open(look.run).map(|_| SignedDuration::from_mins(1));
    if let Some(wait) = wait.or(accepted) {
        return Decision::Wait(wait);
    }
    let next = look.next_number();",
        }],
        caught_by: &[Test(
            "way_8_an_accepted_request_without_any_job_waits_for_a_person",
        )],
    },
    Row {
        name: "a deletion waits for attempts that are used up",
        breaks: Way(8),
        edits: &[Edit {
            file: "look.rs",
            text: "    if look.run.deleting {\n        return Decision::LetGo;\n    }\n",
            replacement: "",
        }],
        caught_by: &[Test(
            "way_8_a_deletion_goes_through_although_all_attempts_are_used_up",
        )],
    },
    Row {
        name: "the lock is taken after the look",
        breaks: Way(9),
        edits: &[
            Edit {
                file: "pass/looking.rs",
                text: "self.take_turn(&stored.run, &vault)",
                replacement: "async { Ok::<_, StoreError>(Turn::NotAsked) }",
            },
            Edit {
                file: "pass/looking.rs",
                text: "Err(error) => return self.look_failed(&stored, &error).await,\n        };",
                replacement: "Err(error) => return self.look_failed(&stored, &error).await,
        };
        let turn = self.take_turn(&stored.run, &vault).await?;",
            },
            // An old look is not acted on: with that alone the order would not matter here.
            Edit {
                file: "pass/looking.rs",
                text: "age > pace::LOOK_LIFE",
                replacement: "age > pace::HISTORY",
            },
        ],
        caught_by: &[Test("way_9_the_lock_is_taken_before_the_look")],
    },
    Row {
        name: "the lock is taken without compare-and-swap",
        breaks: Way(9),
        edits: &[Edit {
            file: "simulation/locks.rs",
            text: "world.compare_lock(read)?;\n            world.versions += 1;",
            replacement: "world.versions += 1;",
        }],
        caught_by: &[Test(
            "way_9_a_lock_that_its_holder_took_again_is_not_taken_over",
        )],
    },
    Row {
        name: "the lock is taken over at the first sight of a holder that is gone",
        breaks: Way(9),
        edits: &[Edit {
            file: "item_lock.rs",
            text: "if now.boot >= over {",
            replacement: "if true {",
        }],
        caught_by: &[
            Test("way_9_a_lock_is_taken_over_only_after_a_whole_window"),
            Test("item_lock::tests"),
        ],
    },
    Row {
        name: "a holder that is gone holds the lock",
        breaks: Way(9),
        edits: &[Edit {
            file: "simulation/locks.rs",
            text: "None => HolderState::Gone,",
            replacement: "None => HolderState::Holds,",
        }],
        caught_by: &[Test("way_9_a_lock_whose_holder_is_gone_is_taken_over")],
    },
    Row {
        name: "a process that comes back takes the lock for released",
        breaks: Way(9),
        edits: &[Edit {
            file: "pass/locking.rs",
            text: "if lock.is_held_by(run.key) {\n            let again",
            replacement: "if lock.is_held_by(run.key) && self.memory.claims.len() > 1_000 {\n            let again",
        }],
        caught_by: &[Test("way_9_a_lock_that_a_crash_left_behind_is_released")],
    },
    Row {
        name: "the next attempt follows a failed job at its first sight",
        breaks: Way(10),
        edits: &[Edit {
            file: "claiming.rs",
            text: "    if let Some(wait) = not_yet {\n        return Decision::Wait(wait);\n    }\n",
            replacement: "",
        }],
        caught_by: &[Test(
            "way_10_no_attempt_follows_a_failed_job_before_lists_show_it_for_good",
        )],
    },
    Row {
        name: "an abandonment counts while a trigger is under way",
        breaks: Way(11),
        edits: &[Edit {
            file: "plan.rs",
            text: "AttemptState::Blocked => Some(Step::End(",
            replacement: "AttemptState::Blocked | AttemptState::Unknown => Some(Step::End(",
        }],
        caught_by: &[Test(
            "way_11_an_abandonment_counts_only_for_a_claim_that_is_blocked",
        )],
    },
    Row {
        name: "an abandonment lets go of a job at its first sight",
        breaks: Way(11),
        edits: &[Edit {
            file: "plan.rs",
            text: "if run.deleting && known_for_long =>",
            replacement: "if run.deleting =>",
        }],
        caught_by: &[Test(
            "way_11_an_early_abandonment_does_not_let_go_of_a_job_that_lists_may_forget",
        )],
    },
    Row {
        name: "without credentials an accepted run says only that they are gone",
        breaks: Way(12),
        edits: &[Edit {
            file: "release.rs",
            text: "accepted_and_open(run).is_some() || !run",
            replacement: "!run",
        }],
        caught_by: &[Test(
            "way_12_without_credentials_an_accepted_run_waits_for_a_person",
        )],
    },
    Row {
        name: "startBy is looked at before the claim alone",
        breaks: Way(12),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: ".start_by\n                .into_iter()",
            replacement: ".start_by\n                .filter(|_| false)\n                .into_iter()",
        }],
        caught_by: &[Test(
            "way_12_nothing_is_sent_when_start_by_passes_between_claim_and_send",
        )],
    },
    Row {
        name: "cancel is forgotten by the next look",
        breaks: Way(12),
        edits: &[Edit {
            file: "claiming.rs",
            text: "if run.control.cancel {",
            replacement: "if false {",
        }],
        caught_by: &[Test(
            "way_12_a_cancel_between_claim_and_send_neither_hangs_nor_sends_again",
        )],
    },
    Row {
        name: "a job that is known only by its id is let go",
        breaks: Way(13),
        edits: &[Edit {
            file: "release.rs",
            text: ".filter(move |(attempt, _)| *attempt >= claim.attempt)
        .flat_map(|(_, id)| look.listing.of_request(id))",
            replacement: ".filter(move |(attempt, _)| *attempt >= claim.attempt)
        .flat_map(|(_, id)| look.listing.of_request(id))
        .chain(own.job.iter().filter_map(|job| look.listing.job(job)))",
        }],
        caught_by: &[
            Test("way_13_a_job_that_cannot_be_found_by_its_id_keeps_its_claim"),
            Test("way_13_a_deletion_waits_for_a_job_that_cannot_be_found_by_its_id"),
        ],
    },
];
