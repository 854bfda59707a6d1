//! What must hold in every transition, and what must hold at last.

use super::super::item_lock::{self, Need};
use super::super::record::{AttemptState, End, Phase};
use super::passes::Passes;
use super::reading::read;
use super::state::State;
use super::time::{Ticks, at};
use super::words::{Claimed, Marked, Matched, Stands, Word};
use super::worlds::Kind;

/// The first thing that was wrong.
#[derive(Debug, Default)]
pub struct Checks {
    pub wrong: Option<String>,
    /// A second job came of a residual risk.
    pub excused: bool,
}

impl Checks {
    fn violated(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    /// Before a request is carried out: never two jobs, never without a claim, nothing destroyed twice or beside another restore.
    pub fn send(
        &mut self,
        passes: &Passes,
        state: &State,
        (process, run): (usize, usize),
        (own, attempt): (Option<Claimed>, u8),
    ) {
        let intended = state.run(run);
        let standing = intended.object.map(|object| object.mark);
        let stands = own.is_some_and(|own| standing == Some(Marked::Standing(own)));
        if (!stands || own.is_some_and(|own| own.attempt != attempt)) && !intended.meddled {
            self.violated(format!(
                "a request of attempt {attempt} without a standing claim: {own:?}, {standing:?}"
            ));
        }
        let skew = Ticks::from(state.process(process).skew);
        let start_by = intended.controls.start_by;
        if start_by.is_some_and(|left| skew >= Ticks::from(left)) && !intended.edited {
            self.violated("a request after startBy".to_owned());
        }
        let same = |other: u8| usize::from(other) == run;
        let overwrites = |run: u8| passes.bounds.runs[usize::from(run)] == Kind::OriginalLocation;
        let destroys = passes.bounds.runs[run] == Kind::OriginalLocation;
        let failed_counts = destroys && !intended.person_retried;
        let job = state
            .jobs
            .iter()
            .position(|job| same(job.run) && (job.stands != Stands::Failed || failed_counts));
        let mut second = None;
        if state.posts.iter().any(|post| same(post.run)) {
            second = Some("a request although an earlier one is under way".to_owned());
        } else if let Some(place) = job {
            second = Some(format!("a request although job j{place} of the run counts"));
        }
        let busy = |job: &super::state::Job| {
            // A restore that writes over nothing may begin after the look.
            let known = overwrites(job.run) || job.hidden < 0;
            !same(job.run) && job.stands == Stands::Runs && known
        };
        let sent = |post: &super::state::Post| !same(post.run) && overwrites(post.run);
        if destroys {
            if intended.in_doubt {
                second = Some("a request that overwrites after an unknown outcome".to_owned());
            }
            if state.lock.map(|(_, holder)| usize::from(holder)) != Some(run) && !intended.meddled {
                second = Some("a request that overwrites without the lock".to_owned());
            }
            if state.jobs.iter().any(busy) || state.posts.iter().any(sent) {
                second = Some("a request that overwrites while another restore runs".to_owned());
            }
        }
        match second {
            Some(_) if state.excused => self.excused = true,
            Some(what) => self.violated(what),
            None => {}
        }
    }

    /// A claim is about to be written: nothing may forbid it.
    pub fn claims_only_when_allowed(
        &mut self,
        passes: &Passes,
        state: &State,
        run: usize,
        claim: Claimed,
    ) {
        let intended = state.run(run);
        let Some(object) = intended.object.filter(|_| claim.attempt > 0) else {
            return;
        };
        let limit = passes.bounds.retry_limit + 1;
        let abandoned = matches!(object.resolve, Some(Word::Abandon(_)));
        let forbidden = [
            (object.deleting, "the object is being deleted"),
            (abandoned, "a person abandoned the run"),
            (intended.controls.cancel, "the run is cancelled"),
            (intended.controls.suspend, "the run is suspended"),
            (
                claim.attempt > limit && !intended.person_retried,
                "retryLimit does not allow it",
            ),
        ];
        for (_, why) in forbidden.into_iter().filter(|(holds, _)| *holds) {
            self.violated(format!(
                "attempt {} is claimed although {why}",
                claim.attempt
            ));
        }
    }

    /// A status is about to be written: what has ended stays as it ended.
    pub fn ends_stay(&mut self, passes: &Passes, state: &State, run: usize, new: u32) {
        let intended = state.run(run);
        let Some(object) = &intended.object else {
            return;
        };
        let (old, new) = (
            passes.tables.record(object.record),
            passes.tables.record(new),
        );
        let counted = match object.mark {
            Marked::Standing(claim) => old.of_claim(claim.claim()).is_some(),
            Marked::None => true,
            Marked::Unreadable | Marked::WithoutFinalizer(_) => false,
        };
        if old.end.is_some() && counted && new.end != old.end && !intended.status_lost {
            self.violated(format!("{:?} turns into {:?}", old.end, new.end));
        }
        let over = matches!(
            new.phase,
            Phase::Succeeded | Phase::Failed | Phase::Cancelled | Phase::PartiallySucceeded
        );
        if over != new.end.is_some() {
            self.violated(format!("phase {:?} with end {:?}", new.phase, new.end));
        }
    }
}

/// What must hold once nothing but a person changes anything any more.
pub fn rests(passes: &Passes, state: &State) -> Result<(), String> {
    for run in 0..state.runs.len() {
        one_rests(passes, state, run)?;
    }
    let Some((_, holder)) = state.lock else {
        return Ok(());
    };
    match read(passes, state, usize::from(holder)) {
        Some(held) if item_lock::need(&held, at(0, 0)) == Some(Need::Release) => Err(format!(
            "r{holder} rests and still holds the lock of the vm"
        )),
        Some(_) | None => Ok(()),
    }
}

fn one_rests(passes: &Passes, state: &State, run: usize) -> Result<(), String> {
    let Some(object) = state.object(run) else {
        return Ok(());
    };
    let record = passes.tables.record(object.record);
    let blocked = record.phase == Phase::Blocked;
    let way_out = record.note.message.contains("abandon:");
    let waits_for = state.lock.map(|(_, holder)| usize::from(holder));
    let waits = waits_for.is_some_and(|holder| holder != run && state.object(holder).is_some())
        && record.note.kind == super::super::record::NoteKind::ItemBusy;
    if record.end.is_none() && !blocked && !waits {
        return Err(format!(
            "no end and not blocked: {:?} {:?}",
            record.phase, record.note
        ));
    }
    if (blocked && record.is_blocked_on_a_claim() || object.deleting) && !way_out {
        return Err(format!("waits, and says not for what: {:?}", record.note));
    }
    if blocked && record.note.message.is_empty() {
        return Err("blocked without a reason".to_owned());
    }
    let destroys = passes.bounds.runs[run] == Kind::OriginalLocation;
    let keeps = record.attempts.iter().any(|attempt| {
        attempt.state == AttemptState::Adopted
            || attempt.state == AttemptState::NotFound && destroys
            || attempt.accepted
                && attempt.job.is_none()
                && attempt.state != AttemptState::OperationFailed
    });
    // A job that is listed later than the window holds its claim until somebody looks again.
    let ids = state.matching != Matched::Broken
        && state.jobs.iter().all(|job| job.has_id)
        && !state.excused
        && !state.run(run).meddled;
    if record.end.is_some() && object.mark != Marked::None && ids && !keeps {
        return Err(format!("ended, and keeps its claim: {:?}", record.attempts));
    }
    let mut jobs = state.jobs.iter();
    let done = jobs.any(|job| usize::from(job.run) == run && job.stands == Stands::Completed);
    if record.end == Some(End::Succeeded) && !done {
        return Err("succeeded without a job that did".to_owned());
    }
    Ok(())
}
