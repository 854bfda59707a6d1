//! The API server: what a call does to it, and its answer.

use super::checks::Checks;
use super::passes::Passes;
use super::reading::holder_state;
use super::state::{Flight, State, small};
use super::words::{Answer, Call, Claimed, Fault, Marked, Matched};

impl State {
    fn stored(&self, run: usize) -> Answer {
        match self.view(run) {
            Some(view) => Answer::Stored(view),
            None => Answer::NotStored(Fault::Gone),
        }
    }

    /// The object was written: what passes were shown of it before is not what is stored, whoever watches it gets to know,
    /// and it goes if nothing holds it.
    pub fn changed(&mut self, passes: &Passes, run: usize) {
        for process in 0..self.processes.len() {
            let seat = self.seat_mut((process, run));
            seat.due = Some(0);
            if let Some(flight) = &mut seat.flight {
                let shown = passes.node(flight.node).shown.count_ones();
                flight.stale = small(shown as usize);
            }
        }
        let intended = self.run_mut(run);
        let free = intended.object.is_some_and(|object| {
            object.deleting && matches!(object.mark, Marked::None | Marked::WithoutFinalizer(_))
        });
        if free {
            intended.object = None;
        }
    }

    /// Whether the object is the one that a pass was shown by this answer.
    fn compare(
        &self,
        passes: &Passes,
        run: usize,
        (flight, base): (&Flight, u8),
    ) -> Result<(), Answer> {
        if self.object(run).is_none() {
            return Err(Answer::NotStored(Fault::Gone));
        }
        let earlier = passes.node(flight.node).shown & ((1 << base) - 1);
        match earlier.count_ones() >= u32::from(flight.stale) {
            true => Ok(()),
            false => Err(Answer::NotStored(Fault::Conflict)),
        }
    }

    /// What a call to the API server does, and its answer.
    pub fn store(
        &mut self,
        passes: &mut Passes,
        checks: &mut Checks,
        run: usize,
        (flight, call): (&Flight, Call),
    ) -> Answer {
        match call {
            Call::Read => self.stored(run),
            Call::WriteClaim(base, claim) => match self.compare(passes, run, (flight, base)) {
                Ok(()) => self.write_claim(passes, checks, run, claim),
                Err(answer) => answer,
            },
            Call::LetGo(base) => match self.compare(passes, run, (flight, base)) {
                Ok(()) => self.let_go(passes, run),
                Err(answer) => answer,
            },
            Call::Save(base, record) => match self.compare(passes, run, (flight, base)) {
                Ok(()) => {
                    let aged = (0..flight.idle)
                        .fold(record, |record, _| passes.tables.older_record(record));
                    checks.ends_stay(passes, self, run, aged);
                    let intended = self.run_mut(run);
                    intended.status_lost = false;
                    if let Some(object) = &mut intended.object {
                        intended.before = object.record;
                        object.record = aged;
                    }
                    self.changed(passes, run);
                    self.stored(run)
                }
                Err(answer) => answer,
            },
            Call::Matching => Answer::Matching(self.matching),
            Call::NoteMatching(proven) => {
                self.matching = match proven {
                    true => Matched::Proven,
                    false => Matched::Broken,
                };
                Answer::Done
            }
            Call::ReadLock => Answer::Lock(self.lock),
            Call::TakeLock(version) => {
                if !self.compare_lock(version) {
                    return Answer::NotStored(Fault::Conflict);
                }
                self.lock = Some((self.fresh_version(passes), small(run)));
                Answer::Done
            }
            Call::ReleaseLock(version) => {
                if self.lock.is_some() && !self.compare_lock(version) {
                    return Answer::NotStored(Fault::Conflict);
                }
                self.lock = None;
                Answer::Done
            }
            Call::Holder(holder) => Answer::Holder(holder_state(passes, self, holder)),
            Call::Trigger(..) | Call::Operation(_) | Call::Jobs(_) | Call::Job(_) => {
                unreachable!("the API server is asked for {call:?}")
            }
        }
    }

    fn compare_lock(&self, version: u8) -> bool {
        self.lock.map_or(u8::MAX, |(version, _)| version) == version
    }

    fn write_claim(
        &mut self,
        passes: &Passes,
        checks: &mut Checks,
        run: usize,
        claim: Claimed,
    ) -> Answer {
        let Some(object) = self.object(run).copied() else {
            return Answer::NotStored(Fault::Gone);
        };
        let held = !matches!(object.mark, Marked::None | Marked::WithoutFinalizer(_));
        if object.deleting && !held {
            return Answer::NotStored(Fault::Refused);
        }
        if object.mark != Marked::WithoutFinalizer(claim) {
            checks.claims_only_when_allowed(passes, self, run, claim);
            let intended = self.run_mut(run);
            intended.meddled &= claim.attempt == 0;
            intended.edited = false;
            intended.earlier = object.mark.standing().or(intended.earlier);
        }
        if let Some(object) = &mut self.run_mut(run).object {
            object.mark = Marked::Standing(claim);
        }
        self.changed(passes, run);
        self.stored(run)
    }

    fn let_go(&mut self, passes: &Passes, run: usize) -> Answer {
        if let Some(object) = &mut self.run_mut(run).object {
            object.mark = Marked::None;
        }
        // The object may go with its claim; the writer is answered all the same.
        let answer = self.stored(run);
        self.changed(passes, run);
        answer
    }
}
