//! The job board of one vault: one listing at a time serves every run that asks (design 4, "Job board").
//!
//! A listing is complete only if every page of every slice of time was good; only then does it change what the board shows.
//! It asks with explicit dates on Azure's own clock, with 15 min to spare at both ends and at most 30 days a request. The
//! first one goes back 180 days, or to the first older slice that Azure refuses; later ones start before the last complete
//! one, or before the oldest job that somebody follows.
//!
//! Callers that come while a listing is under way wait for it, and share the next one if it was begun too early for them.
//! They share its failure too: a thousand runs do not ask a broken vault a thousand times.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::clock::{SharedClock, with_jitter};
use super::jobs::Window;
use crate::restore::facts::{JobSummary, Listing, Now, SeenJob, VaultError};
use crate::restore::ports::JobsNeed;

/// Clocks of Azure's servers and start times of jobs may differ by minutes (186 s were seen).
const TO_SPARE: SignedDuration = SignedDuration::from_mins(15);

/// Longest range that one request asks for.
const SLICE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How far back the first listing goes.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24 * 180);

/// Slices overlap by this, so that rounding at their ends loses no job.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// Longest wait inside a call for the turn of a look; longer ones are reported.
const LONGEST_TURN: SignedDuration = SignedDuration::from_secs(60);

/// Reads jobs; the board says which.
pub(super) trait JobSource: Sync {
    /// Azure's own time now.
    fn azure_time(&self) -> impl Future<Output = Result<AzureTime, VaultError>> + Send;

    /// Every page of one slice of time.
    fn slice(&self, window: Window) -> impl Future<Output = Result<Slice, SliceFault>> + Send;
}

/// Azure's time, as two bounds. It is told by a header that may come from some cache, and a window that ends too early would
/// hide a job: so our own clock widens it, unless the two are so far apart that ours must be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AzureTime {
    pub earliest: Timestamp,
    pub latest: Timestamp,
}

impl AzureTime {
    /// Bounds from Azure's clock and ours.
    pub fn between(azure: Timestamp, ours: Timestamp) -> Self {
        /// Farther off than any clock that somebody looks after.
        const ASTRAY: SignedDuration = SignedDuration::from_hours(24);

        if azure.duration_since(ours).abs() > ASTRAY {
            return Self {
                earliest: azure,
                latest: azure,
            };
        }
        Self {
            earliest: azure.min(ours),
            latest: azure.max(ours),
        }
    }
}

/// A slice of time, complete.
pub(super) struct Slice {
    pub jobs: Vec<JobSummary>,
    /// How many requests it took.
    pub requests: u32,
}

/// A slice that did not come.
#[derive(Debug)]
pub(super) enum SliceFault {
    /// Azure refuses the dates: it lists nothing that old.
    Refused(VaultError),
    /// Anything else.
    Failed(VaultError),
}

/// How old a listing may be, and how looks are spaced, now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often the list is read.
    pub interval: SignedDuration,
    /// How long a look keeps away from the listing before it.
    pub between_looks: SignedDuration,
}

/// The board.
pub(super) struct Board {
    clock: SharedClock,
    /// Held by the one who reads.
    turn: tokio::sync::Mutex<()>,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    complete: Option<Complete>,
    failed: Option<Failed>,
    /// Start times of jobs that are being followed, with the moment they were asked for.
    followed: Vec<(SignedDuration, Timestamp)>,
    /// Every job that any complete listing showed.
    jobs: HashMap<String, SeenJob>,
    /// Requests of the last listing that was not the first.
    pages: u32,
}

#[derive(Clone)]
struct Complete {
    listing: Listing,
    /// On Azure's clock, when it was begun.
    begun_azure: Timestamp,
    /// Everything that started since is in it.
    from: Timestamp,
}

struct Failed {
    until: SignedDuration,
    error: VaultError,
}

impl Board {
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            turn: Default::default(),
            shown: Mutex::default(),
        }
    }

    /// How many requests a listing takes.
    pub fn pages(&self) -> u32 {
        self.shown().pages.max(1)
    }

    /// A complete listing that satisfies the need.
    pub async fn listing(
        &self,
        need: JobsNeed,
        pace: Pace,
        source: &impl JobSource,
    ) -> Result<Listing, VaultError> {
        self.note(need, pace);
        if let Some(answer) = self.answer(need, pace) {
            return answer;
        }
        let _turn = self.turn.lock().await;
        if let Some(answer) = self.answer(need, pace) {
            return answer;
        }
        self.wait_for_turn(need, pace).await?;
        match self.read(need, source).await {
            Ok(listing) => Ok(listing),
            Err(error) => {
                let until = self.clock.now().boot.saturating_add(error.retry_after);
                self.shown().failed = Some(Failed {
                    until,
                    error: error.clone(),
                });
                Err(VaultError {
                    retry_after: with_jitter(error.retry_after),
                    ..error
                })
            }
        }
    }

    /// What is shown already, if it serves; or the failure that still stands.
    fn answer(&self, need: JobsNeed, pace: Pace) -> Option<Result<Listing, VaultError>> {
        let now = self.clock.now().boot;
        let shown = self.shown();
        if let Some(complete) = shown
            .complete
            .as_ref()
            .filter(|complete| complete.serves(need, pace, now))
        {
            return Some(Ok(complete.listing.clone()));
        }
        let failed = shown.failed.as_ref().filter(|failed| now < failed.until)?;
        Some(Err(VaultError {
            retry_after: with_jitter(failed.until.saturating_sub(now)),
            ..failed.error.clone()
        }))
    }

    /// Keeps looks apart when the budget is short. Those that come meanwhile share the listing that follows.
    async fn wait_for_turn(&self, need: JobsNeed, pace: Pace) -> Result<(), VaultError> {
        let Some(last) = self
            .shown()
            .complete
            .as_ref()
            .map(|complete| complete.listing.begun.boot)
        else {
            return Ok(());
        };
        if need.begun_after.is_none() || pace.between_looks.is_zero() {
            return Ok(());
        }
        let wait = last
            .saturating_add(pace.between_looks)
            .saturating_sub(self.clock.now().boot);
        if wait.is_positive() {
            self.clock.sleep(wait.min(LONGEST_TURN)).await;
        }
        Ok(())
    }

    async fn read(&self, need: JobsNeed, source: &impl JobSource) -> Result<Listing, VaultError> {
        let azure = source.azure_time().await?;
        let begun = self.clock.now();
        let farthest = minus(azure.earliest, FARTHEST);
        let (from, first) = self.start(need, farthest);
        let (mut found, mut requests) = (Vec::new(), 0);
        let mut reached = from;
        let mut to = plus(azure.latest, TO_SPARE);
        let newest = to;
        loop {
            let window = Window {
                from: minus(to, SLICE).max(from),
                to,
            };
            match source.slice(window).await {
                Ok(slice) => {
                    found.extend(slice.jobs);
                    requests += slice.requests;
                }
                // Azure keeps no jobs that old: the walk back is over, and complete.
                Err(SliceFault::Refused(_)) if to < newest => {
                    reached = Timestamp::MIN;
                    break;
                }
                Err(SliceFault::Refused(error) | SliceFault::Failed(error)) => return Err(error),
            }
            if window.from <= from {
                break;
            }
            to = plus(window.from, OVERLAP);
        }
        if first && reached > Timestamp::MIN {
            reached = reached.min(farthest);
        }
        Ok(self.show(
            begun,
            azure.earliest,
            reached,
            found,
            if first { None } else { Some(requests) },
        ))
    }

    /// Where a listing starts, and whether it is the first one.
    fn start(&self, need: JobsNeed, farthest: Timestamp) -> (Timestamp, bool) {
        let shown = self.shown();
        let Some(complete) = &shown.complete else {
            return (farthest, true);
        };
        let oldest_followed = shown
            .followed
            .iter()
            .map(|(_, since)| *since)
            .chain(need.since)
            .min();
        let from = oldest_followed.map_or(complete.begun_azure, |since| {
            since.min(complete.begun_azure)
        });
        (minus(from, TO_SPARE).max(farthest), false)
    }

    /// Takes a complete listing over.
    fn show(
        &self,
        begun: Now,
        begun_azure: Timestamp,
        from: Timestamp,
        found: Vec<JobSummary>,
        requests: Option<u32>,
    ) -> Listing {
        let mut shown = self.shown();
        let forgotten = minus(begun_azure, FARTHEST * 2);
        shown
            .jobs
            .retain(|_, seen| seen.job.started.is_none_or(|started| started >= forgotten));
        for job in found {
            let key = job.id.as_str().to_ascii_lowercase();
            shown.jobs.insert(
                key,
                SeenJob {
                    job,
                    shown_by_listing_begun: begun,
                },
            );
        }
        let listing = Listing::new(begun, shown.jobs.values().cloned().collect());
        shown.complete = Some(Complete {
            listing: listing.clone(),
            begun_azure,
            from,
        });
        shown.failed = None;
        if let Some(requests) = requests {
            shown.pages = requests;
        }
        listing
    }

    /// Remembers what is followed for a while, so that one listing covers all of it.
    fn note(&self, need: JobsNeed, pace: Pace) {
        let now = self.clock.now().boot;
        let old = now
            .saturating_sub(pace.interval * 3)
            .saturating_sub(SignedDuration::from_mins(5));
        let mut shown = self.shown();
        shown.followed.retain(|(asked, _)| *asked >= old);
        if let Some(since) = need.since {
            match shown.followed.iter_mut().find(|(_, known)| *known == since) {
                Some((asked, _)) => *asked = now,
                None => shown.followed.push((now, since)),
            }
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Complete {
    fn serves(&self, need: JobsNeed, pace: Pace, now: SignedDuration) -> bool {
        let begun = self.listing.begun.boot;
        let fresh = match need.begun_after {
            Some(instant) => begun >= instant,
            None => need.any_age || now.saturating_sub(begun) < pace.interval,
        };
        let farthest = minus(self.begun_azure, FARTHEST);
        fresh
            && (need.any_age
                || need
                    .since
                    .is_none_or(|since| self.from <= since.max(farthest)))
    }
}

fn minus(time: Timestamp, length: SignedDuration) -> Timestamp {
    time.saturating_sub(length).unwrap_or(Timestamp::MIN)
}

fn plus(time: Timestamp, length: SignedDuration) -> Timestamp {
    time.saturating_add(length).unwrap_or(Timestamp::MAX)
}
