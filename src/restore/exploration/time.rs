//! Time in ticks of five minutes, counted from *now*: the visibility bound is one tick, the adoption window three, the life of
//! a claim and of a look less than one. What lies before now is an age.

use jiff::{SignedDuration, Timestamp};

use super::super::facts::Now;

/// Ticks from now; negative before it.
pub type Ticks = i32;

/// Seconds of a tick.
pub const SECONDS: i64 = 300;

const WALL: i64 = 1_767_225_600;
const BOOT: i64 = 10_000_000;

/// The adoption window in ticks.
pub const WINDOW: Ticks = 3;

/// Both clocks of a process whose wall clock is set wrong by so much.
pub fn at(tick: Ticks, skew: Ticks) -> Now {
    Now {
        wall: wall(tick + skew),
        boot: boot(tick),
    }
}

/// The wall clock, set right.
pub fn wall(tick: Ticks) -> Timestamp {
    Timestamp::from_second(WALL + i64::from(tick) * SECONDS).unwrap()
}

/// The boot-time clock.
pub fn boot(tick: Ticks) -> SignedDuration {
    SignedDuration::from_secs(BOOT + i64::from(tick) * SECONDS)
}

/// Seconds from now on the wall clock.
pub fn seconds_of(wall: Timestamp) -> i64 {
    wall.as_second() - WALL
}

/// The ticks of an instant of the boot-time clock, rounded up: within a tick nothing is due that waits.
pub fn ticks_of(boot: SignedDuration) -> Ticks {
    let seconds = boot.as_secs() - BOOT;
    Ticks::try_from(-(-seconds).div_euclid(SECONDS)).unwrap_or(Ticks::MAX)
}

/// How many ticks a wait takes.
pub fn after(wait: SignedDuration) -> Ticks {
    let least = Ticks::from(!wait.is_zero());
    ticks_of(boot(0) + wait).max(least)
}

/// An instant of the boot-time clock, so many ticks later, and no older than that.
pub fn moved(instant: SignedDuration, by: Ticks, oldest: Ticks) -> SignedDuration {
    (instant + SignedDuration::from_secs(i64::from(by) * SECONDS)).max(boot(-oldest))
}

/// An instant of the wall clock, so many ticks later, and no older than that.
pub fn moved_wall(instant: Timestamp, by: Ticks, oldest: Ticks) -> Timestamp {
    let moved = SignedDuration::from_secs(i64::from(by) * SECONDS);
    (instant + moved).max(wall(-oldest))
}
