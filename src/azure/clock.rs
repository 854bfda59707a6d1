//! The process's clock behind a pointer, so that nothing here is generic over it.

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::SignedDuration;

use crate::restore::facts::Now;
use crate::restore::ports::Clock;

/// [`Clock`] as an object.
pub(super) trait AnyClock: Send + Sync {
    fn now(&self) -> Now;
    fn sleep(&self, duration: SignedDuration) -> BoxFuture<'_, ()>;
    /// A length of real time, which is what a server means in its headers, on this clock.
    fn of_real(&self, real: SignedDuration) -> SignedDuration;
}

/// The clock that everything of this folder shares.
pub(super) type SharedClock = Arc<dyn AnyClock>;

impl<C: Clock> AnyClock for C {
    fn now(&self) -> Now {
        Clock::now(self)
    }

    fn sleep(&self, duration: SignedDuration) -> BoxFuture<'_, ()> {
        Box::pin(Clock::sleep(self, duration))
    }

    fn of_real(&self, real: SignedDuration) -> SignedDuration {
        /// Long enough that rounding does not show.
        const SAMPLE: SignedDuration = SignedDuration::from_hours(1000);

        let scale = SAMPLE.as_secs_f64() / self.real(SAMPLE).as_secs_f64();
        if scale == 1.0 || !scale.is_finite() {
            return real;
        }
        SignedDuration::try_from_secs_f64(real.as_secs_f64() * scale).unwrap_or(real)
    }
}

/// A wait with up to a tenth of it, and up to a second, added: many that wait for one thing shall not come back together.
/// Never shorter than asked.
pub(super) fn with_jitter(wait: SignedDuration) -> SignedDuration {
    let tenth = wait.as_secs_f64() / 10.0;
    let spread = (tenth + 1.0).min(300.0) * fastrand::f64();
    wait.saturating_add(SignedDuration::from_secs_f64(spread))
}
