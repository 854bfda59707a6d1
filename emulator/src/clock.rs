//! The emulator's clock: everything that the emulator says about time comes from here.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Time as the emulated Azure sees it: real time, `scale` times faster, plus what tests have added.
///
/// Emulator time at the real instant `t` is `origin + (t - origin) * scale + advanced`. Two processes that are
/// given the same origin and scale agree about the time without talking to each other.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    start: Timestamp,
    scale: u32,
    advanced: Mutex<SignedDuration>,
}

impl Clock {
    /// A clock that runs `scale` times faster than real time since `origin` (default: since now).
    pub fn new(scale: u32, origin: Option<Timestamp>) -> Self {
        let scale = scale.max(1);
        let real = Timestamp::now();
        let origin = origin.unwrap_or(real);
        let start = origin
            .checked_add(scaled(real.duration_since(origin), scale))
            .unwrap_or(real);
        Self {
            started: Instant::now(),
            start,
            scale,
            advanced: Mutex::new(SignedDuration::ZERO),
        }
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        let total = scaled(elapsed, self.scale).saturating_add(*self.lock());
        self.start.saturating_add(total).unwrap_or(self.start)
    }

    /// What the clock showed when the emulator started, without what tests have added since.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// How many times faster than real time the clock runs, 1 or more.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// Sets the clock forward (or back, if negative) by a span of emulator time.
    pub fn advance(&self, by: SignedDuration) {
        let mut advanced = self.lock();
        *advanced = advanced.saturating_add(by);
    }

    /// Sets the clock to an instant.
    pub fn set(&self, to: Timestamp) {
        self.advance(to.duration_since(self.now()));
    }

    /// How long a span of emulator time takes in reality; negative spans take no time.
    pub fn real(&self, emulated: SignedDuration) -> Duration {
        emulated.unsigned_abs_or_zero() / self.scale
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SignedDuration> {
        self.advanced
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

trait OrZero {
    fn unsigned_abs_or_zero(self) -> Duration;
}

impl OrZero for SignedDuration {
    fn unsigned_abs_or_zero(self) -> Duration {
        if self.is_negative() {
            Duration::ZERO
        } else {
            self.unsigned_abs()
        }
    }
}

fn scaled(span: SignedDuration, scale: u32) -> SignedDuration {
    let scale = i32::try_from(scale).unwrap_or(i32::MAX);
    span.checked_mul(scale).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_one_origin_and_scale_agree() {
        let origin = Timestamp::now() - SignedDuration::from_secs(100);

        let early = Clock::new(10, Some(origin));
        let late = Clock::new(10, Some(origin));

        let apart = late.now().duration_since(early.now()).abs();
        assert!(apart < SignedDuration::from_secs(1), "{apart:?}");
        let ahead = early.now().duration_since(Timestamp::now());
        assert!(ahead >= SignedDuration::from_secs(899), "{ahead:?}");
    }

    #[test]
    fn advancing_moves_the_clock_at_once() {
        let clock = Clock::new(1, None);
        let before = clock.now();

        clock.advance(SignedDuration::from_hours(2));

        assert!(clock.now().duration_since(before) >= SignedDuration::from_hours(2));
    }

    #[test]
    fn a_span_takes_less_real_time_under_scale() {
        let clock = Clock::new(60, None);

        assert_eq!(
            clock.real(SignedDuration::from_secs(60)),
            Duration::from_secs(1)
        );
        assert_eq!(clock.real(SignedDuration::from_secs(-60)), Duration::ZERO);
    }
}
