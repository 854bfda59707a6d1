//! What must hold in every world. Each invariant is a function of its own; those of the rest stand in [`super::rest`]:
//!
//! | | Invariant | Asked |
//! |---|---|---|
//! | I1 | [`one_job_for_one_run`](World::one_job_for_one_run) | before each POST |
//! | I2 | [`no_post_without_a_claim`](World::no_post_without_a_claim) | before each POST |
//! | I3 | [`nothing_is_destroyed_twice`](World::nothing_is_destroyed_twice) | before each POST |
//! | I4 | [`ends_stay`](World::ends_stay) | before each status write |
//! | I5 | [`comes_to_rest`](World::comes_to_rest) | long after the storm |
//! | I6 | [`lets_go_at_last`](World::lets_go_at_last) | long after the storm |
//! | I7 | [`claims_only_when_allowed`](World::claims_only_when_allowed) | after each claim |
//! | I8 | [`loses_no_job`](World::loses_no_job) | long after the storm |
//! | I9 | [`deletion_is_told`](World::deletion_is_told) | after each pass that is followed by a wait |
//!
//! Besides, no process runs in circles ([`keeps_its_pace`](World::keeps_its_pace)).

use jiff::Timestamp;

use super::super::ids::RequestId;
use super::super::record::{AttemptState, Claim, Mark, Phase, Record, Resolve};
use super::world::{MINUTE, Ms, OperationEnd, SECOND, World};

/// Most passes of one process for one object in ten minutes; a wait of a second in a circle would make hundreds. In a storm
/// every second access may fail, and a failed one is tried again after 2 to 4 s.
const PASSES_IN_TEN_MINUTES: usize = 80;
const PASSES_IN_A_STORM: usize = 350;

/// What a run says that timed out while its vault could not be listed.
pub const NOT_KNOWN: &str = "whether a job of this run goes on in Azure is not known";

/// How long before a send its look may have been begun: the life of a look and of a claim.
const LOOK_AND_CLAIM: Ms = 95 * SECOND;

impl World {
    /// Before a POST leaves.
    pub fn check_send(
        &mut self,
        (run, process): (usize, usize),
        request: RequestId,
        checked: Timestamp,
        late: bool,
    ) {
        self.sends += 1;
        let claim = self.runs[run].places[process].last_claim;
        self.no_post_without_a_claim(run, claim, request);
        self.nothing_follows_a_2xx(run, claim.map_or(0, |claim| claim.attempt));
        self.one_job_for_one_run(run);
        let object = self.runs[run].object.as_ref();
        let start_by = object.and_then(|object| object.control.start_by);
        // An edit that comes between claim and send is not seen by the send.
        let edited = self.runs[run].edited_since_claim;
        if start_by.is_some_and(|start_by| checked >= start_by) && !edited {
            self.violated("a POST whose last check was after startBy".to_owned());
        }
        if self.runs[run].intent.target.overwrites_source() {
            self.nothing_is_destroyed_twice(run, late);
        }
    }

    /// I2: a claim of this process stands for it, of this very attempt.
    fn no_post_without_a_claim(&mut self, run: usize, claim: Option<Claim>, request: RequestId) {
        let intended = &self.runs[run];
        let standing = intended.object.as_ref().map(|object| object.mark);
        let stands = claim.is_some_and(|claim| standing == Some(Mark::Standing(claim)));
        let key = intended.key;
        if !stands && !intended.meddled {
            self.violated_by(
                run,
                format!("a POST without a standing claim: {claim:?}, but {standing:?} stands"),
            );
        }
        if claim.is_none_or(|claim| key.request_id(claim.attempt) != request) {
            self.violated("a POST with the id of another attempt than its claim's".to_owned());
        }
    }

    /// A 2xx that is written down is followed by no POST, unless what it started has failed or a person decided.
    fn nothing_follows_a_2xx(&mut self, run: usize, attempt: u8) {
        let mut accepted = self.runs[run].accepted.iter().copied();
        let undone =
            accepted.find(|accepted| *accepted < attempt && !self.has_failed(run, *accepted));
        if let Some(undone) = undone.filter(|_| !self.runs[run].person_retried) {
            self.violated_by(
                run,
                format!(
                    "a POST of attempt {attempt} although a 2xx of attempt {undone} is recorded"
                ),
            );
        }
    }

    /// I1: no job of this run did its work or still may, and no POST of it is under way.
    fn one_job_for_one_run(&mut self, run: usize) {
        let now = self.now;
        let key = self.runs[run].key;
        let same = |other: usize| self.runs[other].key == key;
        let mut jobs = self.jobs.iter();
        let job = jobs
            .find(|job| job.run.is_some_and(same) && job.counts(now))
            .map(|job| job.id.clone());
        let mut posts = self.posts.iter();
        let under_way = posts.any(|post| same(post.run) && !post.done && post.makes_job);
        if let Some(job) = job {
            self.violated_by(
                run,
                format!("a POST although job {job} runs or did its work"),
            );
        }
        if under_way {
            self.violated_by(
                run,
                "a POST although an earlier one is under way".to_owned(),
            );
        }
    }

    /// I3: what writes over the VM holds its lock, follows no outcome in doubt, and runs beside no other restore of the VM.
    fn nothing_is_destroyed_twice(&mut self, run: usize, late: bool) {
        let now = self.now;
        if self.lock.map(|(_, holder)| holder) != Some(run) {
            self.violated_by(
                run,
                format!("a destructive POST while {:?} holds the lock", self.lock),
            );
        }
        if self.runs[run].in_doubt {
            self.violated_by(
                run,
                "a destructive POST after an unknown outcome".to_owned(),
            );
        }
        let overwrites = |other: usize| self.runs[other].intent.target.overwrites_source();
        let another = |other: Option<usize>| other != Some(run);
        let busy = self.jobs.iter().find(|job| {
            let runs = another(job.run) && now < job.ends;
            // Two that write over the VM never run together; others may begin after the look.
            let destroys = job.run.is_some_and(overwrites);
            runs && (destroys || !late && job.solid.max(job.started) < now - LOOK_AND_CLAIM)
        });
        let what = busy.map(|job| format!("a destructive POST while job {} runs", job.id));
        let sent = self.posts.iter().any(|post| {
            another(Some(post.run)) && overwrites(post.run) && !post.done && post.makes_job
        });
        // The other run's risk is this one's too.
        let excused = self.runs.iter().find(|one| !one.risks.is_empty());
        let excuse = excused.and_then(|one| one.risks.first().copied());
        for what in what
            .into_iter()
            .chain(sent.then(|| "a destructive POST while another is under way".to_owned()))
        {
            match excuse {
                Some(risk) => self.excused.push((risk, what)),
                None => self.violated_by(run, what),
            }
        }
        // A process that stood still after its last check cannot know what was learnt meanwhile.
        let known = |since: Ms| since < now - LOOK_AND_CLAIM && !late;
        if self.broken_since.is_some_and(known) {
            self.violated_by(
                run,
                "a destructive POST while jobMatching is Broken".to_owned(),
            );
        }
    }

    /// Whether operation or job of an attempt have failed.
    fn has_failed(&self, run: usize, attempt: u8) -> bool {
        let job = self
            .jobs
            .iter()
            .any(|job| (job.run, job.attempt) == (Some(run), attempt) && !job.counts(self.now));
        let operation = self.operations.iter().any(|operation| {
            (operation.run, operation.attempt) == (run, attempt)
                && operation.end == OperationEnd::Fails
                && operation.done_at <= self.now
        });
        job || operation
    }

    /// I7: nothing forbids the claim that was just written.
    pub fn claims_only_when_allowed(&mut self, run: usize, process: usize, claim: Claim) {
        let target_exists = self.runs[run]
            .intent
            .target
            .creates_virtual_machine()
            .is_some()
            && self
                .target_exists_since(run)
                .is_some_and(|since| since < self.now - 60 * SECOND);
        let intended = &mut self.runs[run];
        intended.edited_since_claim = false;
        let Some(object) = &intended.object else {
            return;
        };
        if claim.attempt == 0 {
            return;
        }
        let limit = object.control.retry_limit + 1;
        // What did not start keeps its number, also when somebody has lowered the limit since.
        let kept = object
            .record
            .attempt(claim.attempt)
            .is_some_and(|attempt| attempt.state == AttemptState::NotStarted);
        let abandoned = matches!(object.resolve, Some(Resolve::Abandon(_)));
        let forbidden = [
            (object.deleting, "the object is being deleted"),
            (object.garbled, "the status cannot be understood"),
            (abandoned, "a person abandoned the run"),
            (object.control.cancel, "the run is cancelled"),
            (object.control.suspend, "the run is suspended"),
            (target_exists, "the VM that it would make exists"),
            (
                claim.attempt > limit && !intended.person_retried && !kept,
                "retryLimit does not allow it",
            ),
        ];
        for (_, why) in forbidden.into_iter().filter(|(holds, _)| *holds) {
            self.violated(format!(
                "p{process} claims attempt {} of r{run} although {why}",
                claim.attempt
            ));
        }
    }

    /// I4: what has ended stays as it ended.
    pub fn ends_stay(&mut self, run: usize, process: usize, new: &Record) {
        let intended = &self.runs[run];
        let Some(object) = &intended.object else {
            return;
        };
        let old = &object.record;
        let counted = match object.mark {
            Mark::Standing(claim) => old.of_claim(claim).is_some(),
            Mark::None => true,
            Mark::Unreadable | Mark::WithoutFinalizer(_) => false,
        };
        let changes = old.end.is_some() && counted && new.end != old.end;
        // By 1 % a clock may be fast.
        let in_vain = intended.places[process].in_vain_since;
        let for_a_window = in_vain.is_some_and(|since| self.now - since >= 14 * MINUTE);
        let unasked = new.end != old.end && new.note.message.contains(NOT_KNOWN) && !for_a_window;
        let changes = changes && !intended.status_lost;
        if changes {
            let what = format!("p{process} turns {:?} into {:?}", old.end, new.end);
            self.violated(what);
        }
        if unasked {
            let what = format!("p{process} ends r{run} unasked: {:?}", new.note);
            self.violated(what);
        }
        if new.end.is_none()
            && matches!(
                new.phase,
                Phase::Succeeded | Phase::Failed | Phase::Cancelled | Phase::PartiallySucceeded
            )
        {
            self.violated("a phase that has ended without an end".to_owned());
        }
    }

    /// A pass begins.
    pub fn keeps_its_pace(&mut self, run: usize, process: usize) {
        let now = self.now;
        let most = if now < self.weather.storm_ends + 10 * MINUTE {
            PASSES_IN_A_STORM
        } else {
            PASSES_IN_TEN_MINUTES
        };
        let passes = &mut self.runs[run].places[process].passes;
        passes.push(now);
        if passes.len() <= most {
            return;
        }
        passes.retain(|at| *at > now - 10 * MINUTE);
        if passes.len() > most {
            let count = passes.len();
            passes.clear();
            self.violated(format!(
                "process {process} makes {count} passes for r{run} in ten minutes"
            ));
        }
    }

    /// I9: a deletion that waits says why, unless somebody has spoilt the status since.
    pub fn deletion_is_told(&mut self, run: usize) {
        let intended = &self.runs[run];
        let Some(object) = intended.object.as_ref().filter(|object| object.deleting) else {
            return;
        };
        let held = matches!(object.mark, Mark::Standing(_));
        let message = &object.record.note.message;
        let told = message.contains("deletion waits") || message.contains("abandon:");
        if held && !told && !object.garbled && !intended.status_lost {
            let what = format!("a deletion waits in silence: {:?}", object.record.note);
            self.violated(what);
        }
    }
}
