//! How long things may take and how often they are tried: the numbers of design 3 and 4, in one place.

use jiff::SignedDuration;

/// The time limits of the exactly-once protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a job may stay invisible after a claim was first seen.
    pub adoption_window: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            adoption_window: ADOPTION_WINDOW,
        }
    }
}

/// Default of the adoption window.
pub const ADOPTION_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// How long a claim allows a send, counted from before the write of the claim.
pub const CLAIM_LIFE: SignedDuration = SignedDuration::from_secs(30);

/// How much later than its first sight a job must still be listed before its claim is let go: lists are not known to be
/// monotone.
pub const VISIBILITY_BOUND: SignedDuration = SignedDuration::from_mins(5);

/// How old a look may be when a claim that writes over a VM builds on it: another restore of the VM may begin meanwhile.
pub const LOOK_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// Longest wait before a mended problem is picked up.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// Wait before Azure is asked again when the API server did not take what a pass led to.
pub const AFTER_REFUSED_WRITE: SignedDuration = SignedDuration::from_secs(10);

/// Wait before the next read of an operation: it is mostly done within seconds (recorded: median 1 s, longest 66 s).
pub fn before_operation_read(reads: u32) -> SignedDuration {
    match reads {
        0 => SignedDuration::from_secs(3),
        1 => SignedDuration::from_secs(5),
        2 => SignedDuration::from_secs(10),
        3 => SignedDuration::from_secs(20),
        _ => LONGEST_WAIT,
    }
}

/// Wait before the points of an item are listed again after none of them qualified: 30 s for each page of 200, so that a run
/// that stands still leaves a part of the 149 reads an hour that Azure was seen to allow (CONTRACT 11).
pub fn before_points_again(points: usize) -> SignedDuration {
    let pages = i64::try_from(points.div_ceil(200)).unwrap_or(i64::MAX / 60);
    SignedDuration::from_secs(pages.saturating_mul(30)).max(LONGEST_WAIT * 3 / 4)
}

/// Wait before a new attempt after a failure that Azure calls transient.
pub fn before_new_attempt(attempt: u8) -> SignedDuration {
    SignedDuration::from_mins(1 << attempt.min(5))
}

/// The full minute after a wait, for messages: the same from one look to the next.
pub fn minute_after(wall: jiff::Timestamp, wait: SignedDuration) -> jiff::Timestamp {
    let end = wall.as_second().saturating_add(wait.as_secs());
    jiff::Timestamp::from_second((end.div_euclid(60) + 1) * 60).unwrap_or(wall)
}

/// The earliest start that a job list is asked to cover for a job that started then: Azure keeps jobs for a while only.
pub fn listable(started: jiff::Timestamp, now: super::facts::Now) -> jiff::Timestamp {
    now.wall
        .checked_sub(HISTORY)
        .map_or(started, |oldest| started.max(oldest))
}

/// How far back the first look at a vault goes.
pub const HISTORY: SignedDuration = SignedDuration::from_hours(180 * 24);

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, wall};
    use super::*;

    #[test]
    fn an_operation_is_read_soon_and_then_less_and_less_often() {
        let waits: Vec<_> = (0..6)
            .map(|reads| before_operation_read(reads).as_secs())
            .collect();
        assert_eq!(waits, [3, 5, 10, 20, 60, 60]);
    }

    #[test]
    fn a_list_is_asked_to_cover_a_job_as_far_back_as_azure_keeps_jobs() {
        const DAY: i64 = 24 * 60 * 60;
        let now = at(200 * DAY);
        assert_eq!(listable(wall(20 * DAY + 1), now), wall(20 * DAY + 1));
        assert_eq!(listable(wall(19 * DAY), now), wall(20 * DAY), "180 days");
    }

    #[test]
    fn a_long_list_of_points_is_read_less_often() {
        for (points, seconds) in [
            (0, 45),
            (1, 45),
            (200, 45),
            (400, 60),
            (401, 90),
            (9_999, 1_500),
        ] {
            let wait = before_points_again(points);
            assert_eq!(wait, SignedDuration::from_secs(seconds), "{points}");
        }
        assert!(before_points_again(usize::MAX).is_positive());
    }
}
