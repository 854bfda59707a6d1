//! Throttling in its two observed forms, and the headers that tell what is left.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::http::Reply;
use crate::operation::{Budget, Facts};
use crate::scenario::{Hourly, Throttling};
use crate::wire::{gateway_error, retry_after};

/// What has been used so far.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    buckets: HashMap<(String, String, bool), (f64, Timestamp)>,
    windows: HashMap<(String, Budget, u32), (u32, Timestamp)>,
    /// Requests so far; they reach the gateways in turn.
    turn: u32,
}

/// The name and value of the header that tells what is left.
#[derive(Debug)]
pub struct Remaining {
    header: &'static str,
    value: i64,
}

impl Remaining {
    pub fn write(&self, reply: &mut Reply) {
        reply.set(self.header, &self.value.to_string());
    }
}

/// Who asks for what.
pub struct Asked<'a> {
    pub facts: Facts,
    pub write: bool,
    pub subscription: &'a str,
    pub client_id: &'a str,
}

impl Throttle {
    /// Takes one request out of what is left.
    ///
    /// # Errors
    /// The 429 to answer.
    pub fn take(
        &self,
        rules: &Throttling,
        asked: &Asked,
        clock: &Clock,
    ) -> Result<Remaining, Reply> {
        let now = clock.now();
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = used.take_from_bucket(rules, asked, now);
        let left = bucket.map_err(|wait| throttled_by_bucket(clock, wait))?;
        if asked.write {
            return Ok(Remaining {
                header: "x-ms-ratelimit-remaining-subscription-writes",
                value: left.unwrap_or(1199),
            });
        }
        let Some(limit) = limit_of(rules, asked.facts.budget) else {
            return Ok(Remaining {
                header: "x-ms-ratelimit-remaining-subscription-reads",
                value: left.unwrap_or(11999),
            });
        };
        let header = "x-ms-ratelimit-remaining-subscription-resource-requests";
        let Some(hourly) = &rules.hourly else {
            return Ok(Remaining {
                header,
                value: i64::from(limit) - 1,
            });
        };
        used.take_from_window(asked, limit, hourly, now)
            .map(|left| Remaining {
                header,
                value: i64::from(left),
            })
            .map_err(|wait| {
                throttled_by_window(clock, asked.facts.action, limit, hourly.window, wait)
            })
    }
}

impl Used {
    fn take_from_bucket(
        &mut self,
        rules: &Throttling,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Option<i64>, SignedDuration> {
        let Some(bucket) = &rules.bucket else {
            return Ok(None);
        };
        let (size, rate) = if asked.write {
            (f64::from(bucket.writes), bucket.writes_per_second)
        } else {
            (f64::from(bucket.reads), bucket.reads_per_second)
        };
        let key = (
            asked.subscription.to_lowercase(),
            asked.client_id.to_owned(),
            asked.write,
        );
        let (level, since) = self.buckets.get(&key).copied().unwrap_or((size, now));
        let refilled = (level + now.duration_since(since).as_secs_f64().max(0.0) * rate).min(size);
        if refilled < 1.0 {
            self.buckets.insert(key, (refilled, now));
            let wait = if rate > 0.0 {
                (1.0 - refilled) / rate
            } else {
                3600.0
            };
            return Err(SignedDuration::from_secs_f64(wait.ceil().min(3600.0)));
        }
        self.buckets.insert(key, (refilled - 1.0, now));
        Ok(Some((refilled - 1.0) as i64))
    }

    fn take_from_window(
        &mut self,
        asked: &Asked,
        limit: u32,
        hourly: &Hourly,
        now: Timestamp,
    ) -> Result<u32, SignedDuration> {
        self.turn = self.turn.wrapping_add(1);
        let gateway = self.turn % hourly.gateways.max(1);
        let key = (
            asked.subscription.to_lowercase(),
            asked.facts.budget,
            gateway,
        );
        let window = hourly.window;
        let (count, since) = self.windows.get(&key).copied().unwrap_or((0, now));
        let age = now.duration_since(since);
        let (count, since) = if age >= window {
            (0, now)
        } else {
            (count, since)
        };
        if count >= limit {
            return Err(window.saturating_sub(age));
        }
        self.windows.insert(key, (count + 1, since));
        Ok(limit - count - 1)
    }
}

fn limit_of(rules: &Throttling, budget: Budget) -> Option<u32> {
    let limits = rules.hourly.clone().unwrap_or_default();
    match budget {
        Budget::Jobs => Some(limits.jobs),
        Budget::Operations => Some(limits.operations),
        Budget::RecoveryPoints => Some(limits.recovery_points),
        Budget::ProtectedItems => Some(limits.protected_items),
        Budget::Other => None,
    }
}

/// The text is the recorded one (s10).
fn throttled_by_window(
    clock: &Clock,
    action: &str,
    limit: u32,
    window: SignedDuration,
    wait: SignedDuration,
) -> Reply {
    let seconds = wait.as_secs().max(1);
    let span = window.as_secs();
    let message = format!(
        "Number of requests for action '{action}' exceeded the limit of '{limit}' for time interval '{:02}:{:02}:{:02}'. Please try again after '{seconds}' seconds.",
        span / 3600,
        span / 60 % 60,
        span % 60
    );
    let reply = gateway_error(
        StatusCode::TOO_MANY_REQUESTS,
        "ResourceRequestsThrottled",
        &message,
    );
    retry_after(reply, clock, SignedDuration::from_secs(seconds + 1))
}

fn throttled_by_bucket(clock: &Clock, wait: SignedDuration) -> Reply {
    let reply = gateway_error(
        StatusCode::TOO_MANY_REQUESTS,
        "SubscriptionRequestsThrottled",
        "Number of requests for subscription has exceeded the limit. Please try again after some time.",
    );
    retry_after(reply, clock, wait)
}
