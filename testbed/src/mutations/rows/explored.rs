//! Mistakes that the explorer notices alone: the check is a world that it visits.

use super::super::Breaks::{Invariant as Breaks, Way};
use super::super::Check::World;
use super::super::Invariant::*;
use super::super::{Edit, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "explored: a list of before the read serves for the look",
        breaks: Way(4),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "begun_after: Some(begun_after),\n            any_age: false,",
            replacement: "begun_after: None,\n            any_age: true,",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: the window of a claim counts from the first claim that was seen",
        breaks: Way(1),
        edits: &[
            Edit {
                file: "record.rs",
                text: "        if let Entry::Vacant(place) = self.claims.entry(claim) {",
                replacement:
                    "        let oldest = self.claims.values().min().copied().unwrap_or(now.boot);
        if let Entry::Vacant(place) = self.claims.entry(claim) {",
            },
            Edit {
                file: "record.rs",
                text: "            place.insert(now.boot);",
                replacement: "            place.insert(oldest);",
            },
        ],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: the life of a claim counts from when it is known to stand",
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
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: the claim goes at the first sight of the job",
        breaks: Way(5),
        edits: &[Edit {
            file: "release.rs",
            text: "if seen.shown_by_listing_begun.boot >= due {",
            replacement: "if true {",
        }],
        caught_by: &[World("disks: two of crashes and deletion")],
    },
    Row {
        name: "explored: what is recorded counts under any claim id",
        breaks: Way(6),
        edits: &[Edit {
            file: "record.rs",
            text: "attempt.number == claim.attempt && attempt.claim == Some(claim.id)",
            replacement: "attempt.number == claim.attempt",
        }],
        caught_by: &[World("disks: status and claim")],
    },
    Row {
        name: "explored: an open claim has no window",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "evidence.rs",
            text: "(self.listing.begun.boot < over).then(",
            replacement: "false.then(",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: a claim whose answer was lost is taken for ours",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "if standing.run.mark != Mark::Standing(claim) {",
            replacement: "if false {",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: a restore that destroys follows an unknown outcome",
        breaks: Breaks(NothingAfterUnknown),
        edits: &[Edit {
            file: "look.rs",
            text: "if !look.run.intent.target.may_be_retried() {",
            replacement: "if false {",
        }],
        caught_by: &[World("original: trouble")],
    },
    Row {
        name: "explored: a vm is written over without its lock",
        breaks: Breaks(NothingAfterUnknown),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "let turn = Box::pin(self.take_turn(&stored.run, &vault)).await?;",
            replacement: "let turn = Turn::Ours;",
        }],
        caught_by: &[World("original: trouble")],
    },
    Row {
        name: "explored: what has ended is looked at again",
        breaks: Breaks(EndsAbsorb),
        edits: &[Edit {
            file: "plan.rs",
            text: "let ended = run.record.end.is_some() && (claim.is_none() || own.is_some());",
            replacement: "let ended = false;",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: a run that waits to let go never looks whether it may",
        breaks: Breaks(ComesToRest),
        edits: &[Edit {
            file: "pass/looking.rs",
            text: "if release == Some(Release::Now) {",
            replacement: "if false {",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: a claim lives for a day",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "pace.rs",
            text: "CLAIM_LIFE: SignedDuration = SignedDuration::from_secs(30)",
            replacement: "CLAIM_LIFE: SignedDuration = SignedDuration::from_hours(24)",
        }],
        caught_by: &[World("disks: trouble")],
    },
    Row {
        name: "explored: cancel is forgotten by the next look",
        breaks: Way(12),
        edits: &[Edit {
            file: "claiming.rs",
            text: "if run.control.cancel {",
            replacement: "if false {",
        }],
        caught_by: &[World("disks: edits, startBy in 2 ticks")],
    },
    Row {
        name: "explored: a claim that cannot be read counts for nothing",
        breaks: Breaks(OneJob),
        edits: &[Edit {
            file: "plan.rs",
            text: "Mark::Unreadable => return Step::PlacePlaceholder,",
            replacement: "Mark::Unreadable => None,",
        }],
        caught_by: &[World("disks: status and claim")],
    },
    Row {
        name: "explored: a claim that somebody else was faster with is taken for ours",
        breaks: Breaks(ClaimBeforePost),
        edits: &[Edit {
            file: "pass/triggering.rs",
            text: "Err(StoreError::Conflict) => return Ok(AT_ONCE),",
            replacement: "Err(StoreError::Conflict) => {}",
        }],
        caught_by: &[World("disks: 2 processes, no fault")],
    },
    Row {
        name: "explored: the finalizer is removed without compare-and-swap",
        breaks: Way(4),
        edits: &[Edit {
            file: "exploration/store.rs",
            text: "Call::LetGo(base) => match self.compare(passes, run, (flight, base)) {\n                Ok(()) => self.let_go",
            replacement: "Call::LetGo(_) => match self.object(run).map(|_| ()).ok_or(Answer::NotStored(Fault::Gone)) {\n                Ok(()) => self.let_go",
        }],
        caught_by: &[World("disks: 2 processes, deletion")],
    },
];
