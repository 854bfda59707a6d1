//! Keeps the calls within what Azure allows: one budget per subscription and kind of read, learnt from Azure's headers and
//! from our own count (design 4, "Budgets"; CONTRACT 11).
//!
//! Azure's headers are noisy: each gateway counts for itself and says -1 at times. So the budget is the least, over the
//! last hour, of *what is left* plus *what we had sent by then*; without a header in the last hour it is the observed
//! default. The budget paces the lists and holds spare reads back; a needed read waits only for what Azure itself demands. A
//! call that is held back is not sent, and its caller learns when to come back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use jiff::SignedDuration;

use super::clock::{SharedClock, with_jitter};
use crate::restore::facts::{ErrorText, RefusalKind, VaultError};
use crate::restore::ports::Budget;

/// Azure counts by the hour ("exceeded the limit of '150' for time interval '01:00:00'").
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The part of the job budget that lists and spare reads may plan with; the rest is for looks and for reads that end a run.
const PLANNED_SHARE: f64 = 0.8;

/// A budget that a header implies is never taken for less: somebody else may use it up, but it comes back.
const LEAST_BUDGET: u32 = 20;

/// How long after its last request for jobs a vault counts as active, in intervals.
const ACTIVE_INTERVALS: i32 = 2;

/// What Azure counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Job lists and single reads of jobs, together.
    Jobs,
    /// Operations.
    Operations,
    /// Recovery points.
    Points,
    /// Protected items.
    Items,
    /// The vault itself: counted by ARM, whose limits are far away.
    Vault,
    /// Virtual machines: as far away.
    Compute,
    /// The restore POST, an ARM write: nothing else of ours uses this budget, which is its reserve.
    Trigger,
}

impl Kind {
    /// The least that was observed, per hour.
    fn default_budget(self) -> u32 {
        match self {
            Self::Jobs => 150,
            Self::Operations | Self::Items => 299,
            Self::Points => 149,
            // ARM's own, of the documents; its token buckets answer with 429 before that.
            Self::Vault | Self::Compute => 12_000,
            Self::Trigger => 1_200,
        }
    }

    /// For messages and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Operations => "operations",
            Self::Points => "recovery points",
            Self::Items => "protected items",
            Self::Vault => "the vault",
            Self::Compute => "virtual machines",
            Self::Trigger => "restores",
        }
    }
}

/// The budgets of one subscription.
pub(super) struct Gate {
    clock: SharedClock,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    kinds: HashMap<Kind, Count>,
    /// Vaults whose jobs are being followed.
    active: HashMap<String, Followed>,
}

struct Followed {
    /// Requests that a listing takes.
    pages: u32,
    /// How often it is read.
    interval: SignedDuration,
    /// When it stops to count.
    until: SignedDuration,
}

#[derive(Default)]
struct Count {
    /// When calls of the last hour were sent, and whether they were spare ones.
    sent: VecDeque<(SignedDuration, Budget)>,
    /// What Azure's headers of the last hour implied.
    implied: VecDeque<(SignedDuration, u32)>,
    /// Azure asked for silence until then.
    closed_until: Option<SignedDuration>,
}

impl Gate {
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            counts: Mutex::default(),
        }
    }

    /// Lets a call through and counts it.
    ///
    /// # Errors
    /// `Throttled` with the time to come back; nothing must be sent then.
    pub fn admit(&self, kind: Kind, budget: Budget) -> Result<(), VaultError> {
        let now = self.clock.now().boot;
        let mut counts = self.counts();
        let planned_lists = if kind == Kind::Jobs {
            counts.lists_per_hour(now)
        } else {
            0.0
        };
        let count = counts.kinds.entry(kind).or_default();
        count.forget(now);
        if let Some(until) = count.closed_until.filter(|until| now < *until) {
            return Err(throttled(
                kind,
                "Azure asked to wait",
                until.saturating_sub(now),
            ));
        }
        if budget == Budget::Spare {
            let plan = f64::from(count.budget(kind)) * PLANNED_SHARE;
            let spare_used = count
                .sent
                .iter()
                .filter(|(_, budget)| *budget == Budget::Spare)
                .count();
            if spare_used as f64 + planned_lists >= plan || count.sent.len() as f64 >= plan {
                let why = "the job lists need what is left of this hour's reads";
                return Err(throttled(kind, why, count.until_one_is_free(now)));
            }
        }
        count.sent.push_back((now, budget));
        Ok(())
    }

    /// Learns from the header of an answer.
    pub fn learn(&self, kind: Kind, remaining: Option<i64>) {
        let Some(remaining) = remaining.and_then(|left| u32::try_from(left).ok()) else {
            return; // absent, or -1, which says nothing
        };
        if matches!(kind, Kind::Vault | Kind::Trigger) {
            return; // the provider's header says nothing about ARM's budgets
        }
        let now = self.clock.now().boot;
        let mut counts = self.counts();
        let count = counts.kinds.entry(kind).or_default();
        count.forget(now);
        let used = u32::try_from(count.sent.len()).unwrap_or(u32::MAX);
        count
            .implied
            .push_back((now, remaining.saturating_add(used)));
    }

    /// Keeps calls of a kind back for a while, because Azure said so.
    pub fn close(&self, kind: Kind, wait: SignedDuration) {
        let until = self.clock.now().boot.saturating_add(wait);
        let mut counts = self.counts();
        let count = counts.kinds.entry(kind).or_default();
        count.closed_until = count.closed_until.max(Some(until));
    }

    /// How often a vault's jobs can be listed: `pollInterval`, stretched so that all active vaults together stay within
    /// the planned share of the budget.
    pub fn interval(&self, poll_interval: SignedDuration) -> SignedDuration {
        let now = self.clock.now().boot;
        let counts = self.counts();
        SignedDuration::from_secs_f64(self.seconds_between_lists(&counts, now, poll_interval))
    }

    /// Notes that a vault's jobs are being followed, by listings of so many requests each.
    pub fn follow(&self, vault: &str, pages: u32, interval: SignedDuration) {
        let now = self.clock.now().boot;
        let until = now
            .saturating_add(interval * ACTIVE_INTERVALS)
            .saturating_add(SignedDuration::from_mins(2));
        let mut counts = self.counts();
        counts.active.retain(|_, followed| now < followed.until);
        counts.active.insert(
            vault.to_owned(),
            Followed {
                pages: pages.max(1),
                interval,
                until,
            },
        );
    }

    /// How long a look has to wait after the listing before it was begun: not at all while the hour's budget is fresh, then
    /// so long that what is left lasts. Looks that wait share one listing.
    pub fn between_looks(&self) -> SignedDuration {
        let now = self.clock.now().boot;
        let mut counts = self.counts();
        let count = counts.kinds.entry(Kind::Jobs).or_default();
        count.forget(now);
        let (limit, used) = (f64::from(count.budget(Kind::Jobs)), count.sent.len() as f64);
        let left = (limit - used).max(1.0);
        if used < limit / 2.0 {
            return SignedDuration::ZERO;
        }
        SignedDuration::from_secs_f64((HOUR.as_secs_f64() / left / 4.0).min(60.0))
    }

    fn seconds_between_lists(
        &self,
        counts: &Counts,
        now: SignedDuration,
        poll_interval: SignedDuration,
    ) -> f64 {
        let limit = counts
            .kinds
            .get(&Kind::Jobs)
            .map_or(Kind::Jobs.default_budget(), |count| {
                count.budget(Kind::Jobs)
            });
        let needed = counts.pages(now) * HOUR.as_secs_f64() / (PLANNED_SHARE * f64::from(limit));
        needed.max(poll_interval.as_secs_f64()).max(0.001)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Counts {
    /// Requests that one round of lists takes, at least one.
    fn pages(&self, now: SignedDuration) -> f64 {
        let pages: u32 = self.followed(now).map(|followed| followed.pages).sum();
        f64::from(pages.max(1))
    }

    /// Requests that the lists will take in an hour.
    fn lists_per_hour(&self, now: SignedDuration) -> f64 {
        self.followed(now)
            .map(|followed| {
                f64::from(followed.pages) * HOUR.as_secs_f64()
                    / followed.interval.as_secs_f64().max(0.001)
            })
            .sum()
    }

    fn followed(&self, now: SignedDuration) -> impl Iterator<Item = &Followed> {
        self.active
            .values()
            .filter(move |followed| now < followed.until)
    }
}

impl Count {
    fn forget(&mut self, now: SignedDuration) {
        let old = now.saturating_sub(HOUR);
        while self.sent.front().is_some_and(|(at, _)| *at <= old) {
            self.sent.pop_front();
        }
        while self.implied.front().is_some_and(|(at, _)| *at <= old) {
            self.implied.pop_front();
        }
    }

    fn budget(&self, kind: Kind) -> u32 {
        self.implied
            .iter()
            .map(|(_, implied)| *implied)
            .min()
            .map_or_else(|| kind.default_budget(), |least| least.max(LEAST_BUDGET))
    }

    /// Until the oldest call of the hour counts no more; minutes at most, as lists may get fewer meanwhile.
    fn until_one_is_free(&self, now: SignedDuration) -> SignedDuration {
        let oldest = self.sent.front().map_or(now, |(at, _)| *at);
        oldest
            .saturating_add(HOUR)
            .saturating_sub(now)
            .clamp(SignedDuration::from_secs(1), SignedDuration::from_mins(5))
    }
}

fn throttled(kind: Kind, why: &str, wait: SignedDuration) -> VaultError {
    VaultError {
        kind: RefusalKind::Throttled,
        error: ErrorText {
            code: String::new(),
            message: format!(
                "no call for {} for {} s: {why}",
                kind.as_str(),
                wait.as_secs().max(1)
            ),
        },
        retry_after: with_jitter(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::FakeClock;
    use super::*;

    fn secs(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    fn a_gate() -> (FakeClock, Gate) {
        let clock = FakeClock::default();
        (clock.clone(), Gate::new(clock.shared()))
    }

    #[test]
    fn the_interval_grows_with_vaults_and_pages() {
        let (_, gate) = a_gate();

        assert_eq!(gate.interval(secs(60)), secs(60));
        gate.follow("a", 1, secs(60));
        gate.follow("b", 1, secs(60));
        assert_eq!(gate.interval(secs(60)), secs(60));
        gate.follow("c", 2, secs(60));
        assert_eq!(gate.interval(secs(60)), secs(120)); // 4 pages x 3600 s / (0.8 x 150)
        assert_eq!(gate.interval(secs(300)), secs(300));
    }

    #[test]
    fn a_vault_that_nobody_follows_stops_counting() {
        let (clock, gate) = a_gate();
        gate.follow("a", 4, secs(60));
        assert_eq!(gate.interval(secs(1)), secs(120));

        clock.advance(secs(600));

        assert_eq!(gate.interval(secs(1)), secs(30));
    }

    #[test]
    fn the_budget_is_the_least_that_the_headers_of_the_hour_imply() {
        let (clock, gate) = a_gate();
        for remaining in [299, 449, -1, 298] {
            gate.admit(Kind::Jobs, Budget::Needed).unwrap();
            gate.learn(Kind::Jobs, Some(remaining));
        }
        // 299 + 1, 449 + 2, nothing, 298 + 4
        assert_eq!(gate.interval(secs(1)), secs(15)); // 3600 / (0.8 x 300)

        clock.advance(secs(3601));
        gate.learn(Kind::Jobs, Some(1099));

        assert!(gate.interval(secs(1)) < secs(5));
    }

    #[test]
    fn what_azure_closes_stays_closed_as_long_as_it_asked_and_only_for_its_kind() {
        let (clock, gate) = a_gate();
        gate.close(Kind::Jobs, secs(324));
        gate.close(Kind::Jobs, secs(10));

        let refused = gate.admit(Kind::Jobs, Budget::Needed).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Throttled);
        assert!(refused.retry_after >= secs(324));
        gate.admit(Kind::Points, Budget::Needed).unwrap();
        clock.advance(secs(323));
        assert!(gate.admit(Kind::Jobs, Budget::Needed).is_err());
        clock.advance(secs(1));
        gate.admit(Kind::Jobs, Budget::Needed).unwrap();
    }

    #[test]
    fn our_own_count_holds_spare_reads_back_and_never_needed_ones() {
        let (clock, gate) = a_gate();
        let spare = (0..200)
            .filter(|_| gate.admit(Kind::Jobs, Budget::Spare).is_ok())
            .count();
        assert_eq!(spare, 120); // 0.8 x 150

        for _ in 0..100 {
            gate.admit(Kind::Jobs, Budget::Needed).unwrap();
        }

        clock.advance(secs(3600));
        gate.admit(Kind::Jobs, Budget::Spare).unwrap();
    }

    #[test]
    fn spare_reads_leave_the_lists_their_share() {
        let (_, gate) = a_gate();
        gate.follow("a", 2, secs(60)); // 2 x 60 lists an hour fill 0.8 x 150

        assert!(gate.admit(Kind::Jobs, Budget::Spare).is_err());
        gate.admit(Kind::Jobs, Budget::Needed).unwrap();
    }

    #[test]
    fn looks_are_free_first_and_spaced_later() {
        let (_, gate) = a_gate();
        assert_eq!(gate.between_looks(), SignedDuration::ZERO);

        for _ in 0..140 {
            gate.admit(Kind::Jobs, Budget::Needed).unwrap();
        }

        assert!(gate.between_looks() >= secs(30));
    }
}
