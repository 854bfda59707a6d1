//! The trigger: the one request that must never be sent twice (design 3). One call sends at most one POST; everything that
//! could repeat it (new token, next api-version, waiting) is left to the next call, under a claim of its own.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::clock::with_jitter;
use super::gate::Kind;
use super::recovery_points::item_path;
use super::session::Session;
use super::verdict::{self, Known, Seen};
use super::versions::Area;
use crate::restore::facts::{Refusal, Then, TriggerOutcome};
use crate::restore::ports::{Budget, Trigger};
use crate::restore::request::RestoreRequest;

impl Session {
    /// Sends one restore POST, or none.
    pub async fn send_trigger(&self, trigger: &Trigger<'_>) -> TriggerOutcome {
        let bearer = match self.token.get().await {
            Ok(bearer) => bearer,
            Err(error) => return verdict::not_tried(error),
        };
        if let Err(error) = self.gate.admit(Kind::Trigger, Budget::Needed) {
            return verdict::not_tried(error);
        }
        let area = area_of(trigger.request);
        let version = self.versions.current(area);
        let point = trigger.request.recovery_point.as_str();
        let below = [
            &item_path(trigger.item)[..],
            &["recoveryPoints", point, "restore"],
        ]
        .concat();
        let url = self.url_below(&below, &version, None);
        let body = trigger.request.body().to_string().into_bytes();

        let result = self
            .arm
            .post_once(
                url,
                &bearer.token,
                trigger.request_id,
                body,
                trigger.deadline,
            )
            .await;

        let seen = self.note(Kind::Trigger, &result);
        let known = Known {
            // Reads that work in between say nothing about a POST that is refused every time.
            token_renewed: bearer.renewed || self.trigger_refused.load(Ordering::Relaxed),
            version_left: self.versions.has_next(area, &version),
        };
        if let Seen::Reply(reply) = &seen {
            self.trigger_refused
                .store(reply.status == 401, Ordering::Relaxed);
        }
        let (outcome, lesson) = verdict::trigger(&seen, known);
        let claims = result.ok().and_then(|answer| answer.claims);
        self.learn(
            lesson,
            Kind::Trigger,
            (area, &version),
            (&bearer.token, claims),
        )
        .await;
        spread(outcome)
    }
}

/// Which row of the version table a request goes by.
pub(super) fn area_of(request: &RestoreRequest) -> Area {
    if request.needs_newer_version().is_empty() {
        Area::Trigger
    } else {
        Area::NewerTrigger
    }
}

/// Adds jitter to a wait, so that a thousand runs do not come back at once. A retry at once stays one.
fn spread(outcome: TriggerOutcome) -> TriggerOutcome {
    let spread = |wait: SignedDuration| {
        if wait.is_zero() {
            wait
        } else {
            with_jitter(wait)
        }
    };
    match outcome {
        TriggerOutcome::NotStarted(refusal) => {
            let then = match refusal.then {
                Then::GiveUp => Then::GiveUp,
                Then::RetryAfter(wait) => Then::RetryAfter(spread(wait)),
                Then::LookThenRetryAfter(wait) => Then::LookThenRetryAfter(spread(wait)),
            };
            TriggerOutcome::NotStarted(Refusal { then, ..refusal })
        }
        TriggerOutcome::Accepted { .. } | TriggerOutcome::Unknown { .. } => outcome,
    }
}
