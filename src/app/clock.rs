//! The process's clock: the wall clock and the boot-time clock of the machine, or both run faster for tests.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use crate::restore::facts::Now;
use crate::restore::ports::Clock;

/// Real time, or `scale` times as fast since `origin`.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    scale: u32,
    origin: Timestamp,
}

impl SystemClock {
    /// A clock of which `scale` seconds pass in one second. It agrees with the real wall clock at `origin`; processes with
    /// the same scale and origin agree about the time.
    pub fn new(scale: u32, origin: Timestamp) -> Self {
        Self {
            scale: scale.max(1),
            origin,
        }
    }

    fn scaled(&self, real: SignedDuration) -> SignedDuration {
        i32::try_from(self.scale).map_or(real, |scale| real.checked_mul(scale).unwrap_or(real))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let real = Timestamp::now();
        let elapsed = self.scaled(real.duration_since(self.origin));
        // Rust's `Instant` stops while the machine is suspended; the life of a claim must not.
        let boot = clock_gettime(ClockId::Boottime);
        let nanoseconds = i32::try_from(boot.tv_nsec).unwrap_or_default();
        Now {
            wall: self.origin.checked_add(elapsed).unwrap_or(real),
            boot: self.scaled(SignedDuration::new(boot.tv_sec, nanoseconds)),
        }
    }

    async fn sleep(&self, duration: SignedDuration) {
        tokio::time::sleep(self.real(duration)).await;
    }

    fn real(&self, duration: SignedDuration) -> Duration {
        let positive = duration.max(SignedDuration::ZERO);
        Duration::try_from(positive).unwrap_or_default() / self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_one_origin_and_scale_agree() {
        let origin = Timestamp::now();
        let (one, other) = (SystemClock::new(60, origin), SystemClock::new(60, origin));

        let apart = other.now().wall.duration_since(one.now().wall).abs();

        assert!(apart < SignedDuration::from_secs(60), "{apart}");
    }

    #[test]
    fn waits_shrink_with_the_scale_and_are_never_negative() {
        let clock = SystemClock::new(60, Timestamp::now());

        assert_eq!(
            clock.real(SignedDuration::from_mins(15)),
            Duration::from_secs(15)
        );
        assert_eq!(clock.real(SignedDuration::from_secs(-1)), Duration::ZERO);
    }
}
