//! What Azure answers to a trigger, and what comes of it.

use jiff::SignedDuration;

use super::super::facts::{ErrorText, Refusal, RefusalKind, Then, TriggerOutcome};
use super::super::ids::OperationId;
use super::super::ports::Trigger;
use super::weather::Answer;
use super::world::{Ms, OperationEnd, OperationTruth, Post, SECOND, World};

pub fn text(code: &str) -> ErrorText {
    ErrorText {
        code: code.to_owned(),
        message: "said Azure".to_owned(),
    }
}

pub fn refusal(kind: RefusalKind, then: Then) -> TriggerOutcome {
    TriggerOutcome::NotStarted(Refusal {
        kind,
        error: text("SomeCode"),
        then,
    })
}

pub fn after(seconds: i64) -> Then {
    Then::RetryAfter(SignedDuration::from_secs(seconds))
}

impl World {
    fn answer(&mut self) -> Answer {
        if !self.weather.answers.is_empty() {
            return self.weather.answers.remove(0);
        }
        if self.weather.trouble > 0 && self.stormy() && self.chance(55) {
            let pick = self.rng.usize(0..Answer::TROUBLED.len());
            return Answer::TROUBLED[pick];
        }
        Answer::Accepts
    }

    /// Takes a POST: returns what will be answered, and when.
    pub fn post(&mut self, run: usize, trigger: &Trigger<'_>) -> (TriggerOutcome, Ms) {
        let answer = self.answer();
        let key = self.runs[run].key;
        let mut requests = key.request_ids();
        let attempt = requests
            .find(|(_, id)| *id == trigger.request_id)
            .map_or(0, |(attempt, _)| attempt);
        let late = self.stormy() && matches!(answer, Answer::LosesAnswerAfterEffect);
        let effect_at = self.now
            + if late {
                self.rng.i64(1..100 * SECOND)
            } else {
                self.rng.i64(1..2 * SECOND)
            };
        let answer_at = effect_at + if late { 0 } else { self.rng.i64(1..2 * SECOND) };
        let makes_job = match answer {
            Answer::Accepts
            | Answer::AcceptsWithoutOperation
            | Answer::AcceptsAndOperationNamesNoJob
            | Answer::AcceptsAndOperationNeverEnds
            | Answer::LosesAnswerAfterEffect => true,
            Answer::AcceptsAndOperationVanishes => self.rng.bool(),
            _ => false,
        };
        let most = if self.weather.lists_late && self.stormy() {
            2400 * SECOND
        } else if self.stormy() {
            400 * SECOND
        } else {
            30 * SECOND
        };
        let lag = self.weather.lag.unwrap_or_else(|| self.rng.i64(0..most));
        self.posts.push(Post {
            run,
            attempt,
            request: trigger.request_id,
            effect_at,
            makes_job,
            done: false,
            lag,
        });
        let end = match answer {
            Answer::Accepts => Some(OperationEnd::NamesJob),
            Answer::AcceptsAndOperationFails => Some(OperationEnd::Fails),
            Answer::AcceptsAndOperationVanishes => Some(OperationEnd::Vanishes),
            Answer::AcceptsAndOperationNamesNoJob | Answer::AcceptsAndMakesNothing => {
                Some(OperationEnd::SucceedsWithoutJob)
            }
            Answer::AcceptsAndOperationNeverEnds => Some(OperationEnd::NeverEnds),
            _ => None,
        };
        let operation = end.map(|end| {
            let id = format!("o{}", self.operations.len() + 1);
            let done_at = effect_at + self.rng.i64(SECOND..66 * SECOND);
            let transient = self.rng.bool();
            self.operations.push(OperationTruth {
                id: id.clone(),
                run,
                attempt,
                done_at,
                end,
                transient,
            });
            OperationId::new(id)
        });
        let outcome = match answer {
            Answer::LosesAnswerAfterEffect | Answer::LosesAnswerBeforeEffect => {
                TriggerOutcome::Unknown {
                    what: "no answer".to_owned(),
                }
            }
            Answer::Refuses401 => refusal(RefusalKind::Authentication, after(0)),
            Answer::Refuses429 => refusal(RefusalKind::Throttled, after(120)),
            Answer::Refuses409 => refusal(
                RefusalKind::Busy,
                Then::LookThenRetryAfter(SignedDuration::from_secs(60)),
            ),
            Answer::Refuses400 => refusal(RefusalKind::BadRequest, Then::GiveUp),
            Answer::Refuses403 => refusal(RefusalKind::Permission, after(45)),
            Answer::NotConnected => refusal(RefusalKind::Unavailable, after(15)),
            _ => TriggerOutcome::Accepted { operation },
        };
        let nothing_started = match answer {
            Answer::Refuses401
            | Answer::Refuses429
            | Answer::Refuses409
            | Answer::Refuses400
            | Answer::Refuses403
            | Answer::NotConnected
            | Answer::AcceptsAndOperationFails => true,
            Answer::Accepts
            | Answer::AcceptsWithoutOperation
            | Answer::AcceptsAndOperationVanishes
            | Answer::AcceptsAndOperationNamesNoJob
            | Answer::AcceptsAndOperationNeverEnds
            | Answer::AcceptsAndMakesNothing
            | Answer::LosesAnswerAfterEffect
            | Answer::LosesAnswerBeforeEffect => false,
        };
        self.runs[run].in_doubt |= !nothing_started;
        self.say(|_| format!("POST of r{run} attempt {attempt}: {answer:?}"));
        (outcome, answer_at)
    }
}
