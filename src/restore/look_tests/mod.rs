//! What a listing decides, by topic. Every test builds a [`Scene`] and asks for its decision.

mod next_attempts;
mod open_claims;
mod overwriting;
mod people;
mod untold_jobs;
mod would_claim;

use super::super::facts::{ErrorText, JobStatus as J, SeenJob};
use super::super::fixtures::*;
use super::super::ids::{ArmId, ClaimId, JobId};
use super::super::item_lock::Turn;
use super::super::pace::VISIBILITY_BOUND;
use super::super::record::{AttemptState as S, JOB_MATCHING_BROKEN, Mark, Matching, Memory};
use super::super::record::{NoteKind, Run};
use super::super::request::Target;
use super::*;

const SECOND: i64 = 60;
const WINDOW_OVER: i64 = 15 * 60;
const TRANSIENT: &str = "CloudInternalError";

fn decide(scene: &Scene) -> Decision {
    after_look(&scene.look())
}

fn nothing_listed(attempts: Vec<Attempt>, second: i64) -> Decision {
    decide(&scene(claimed(attempts), second, vec![]))
}

fn failed(number: u8, job: &str, code: &str) -> Attempt {
    Attempt {
        error: Some(ErrorText {
            code: code.to_owned(),
            message: "it failed".to_owned(),
        }),
        ..with_job(accepted(number, S::JobFailed), job)
    }
}

fn says(mut run: Run, word: fn(ClaimId) -> Resolve) -> Run {
    let number = run.record.attempts.last().unwrap().number;
    run.resolve = Some(word(claim(number).id));
    run
}

fn is_block(decision: &Decision) -> bool {
    matches!(decision, Decision::Block(_))
}

fn adopts(decision: &Decision, expected: u8, id: &str) -> bool {
    matches!(decision, Decision::Adopt { attempt, job, .. } if *attempt == expected && job.id.as_str() == id)
}

fn is_hold(decision: &Decision, kind: NoteKind) -> bool {
    matches!(decision, Decision::Hold(held, why) if *held == kind && !why.is_empty())
}
