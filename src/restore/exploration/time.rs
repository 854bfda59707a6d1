//! Time in ticks of five minutes: the visibility bound is one, the adoption window three, the life of a claim less than one.

use jiff::{SignedDuration, Timestamp};

use super::super::facts::Now;

/// Ticks since the start of the world.
pub type Tick = u8;

const SECONDS: i64 = 300;

/// Both clocks at a tick.
pub fn at(tick: Tick) -> Now {
    let seconds = i64::from(tick) * SECONDS;
    Now {
        wall: Timestamp::from_second(1_767_225_600 + seconds).unwrap(),
        boot: SignedDuration::from_secs(1_000 + seconds),
    }
}

/// When something is due that has to wait so long: within a tick nothing is due that waits.
pub fn after(now: Tick, wait: SignedDuration) -> Tick {
    let ticks = (wait.as_secs().max(0) + SECONDS - 1) / SECONDS;
    let least = i64::from(!wait.is_zero());
    now.saturating_add(Tick::try_from(ticks.max(least)).unwrap_or(Tick::MAX))
}
