//! Claim, one POST, record: in this order, and never twice.

use jiff::SignedDuration;

use super::super::facts::{Now, TriggerOutcome};
use super::super::pace::{self};
use super::super::ports::{Clock, Deadline, RunStore, StoreError, Stored, Trigger, Vault};
use super::super::progress;
use super::super::record::{Claim, Mark, Unrecorded};
use super::{AT_ONCE, After, Pass, RECORD_TRIES, request_of};

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Claims, sends once, writes down. `stored` was read before the look that allowed this claim.
    pub(super) async fn trigger(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        attempt: u8,
    ) -> Result<After, StoreError> {
        let run = &stored.run;
        let Some((item, mut request)) = request_of(run) else {
            return self.choose(vault, stored).await;
        };
        request.guard_requests = self.memory.guard_requests.clone();
        let claim = Claim {
            attempt,
            id: self.store.new_claim_id(),
        };
        let before = self.clock.now();
        let life = pace::CLAIM_LIFE;
        let deadline = Deadline {
            boot: before.boot + life,
            wall: run
                .control
                .start_by
                .into_iter()
                .chain(before.wall.checked_add(life))
                .min()
                .unwrap_or(before.wall),
        };
        match self.store.write_claim(&stored, claim).await {
            Ok(_) => {}
            Err(StoreError::Lost(why)) => {
                tracing::warn!(%why, "answer of the claim write was lost; reading what stands");
                let standing = self.store.read().await?;
                if standing.run.mark != Mark::Standing(claim) {
                    return Ok(AT_ONCE);
                }
            }
            Err(StoreError::Conflict) => return Ok(AT_ONCE),
            Err(error) => return Err(error),
        }
        self.memory.see_claim(claim.id, before);
        tracing::info!(attempt, claim = %claim.id, "claimed; triggering the restore");
        let trigger = Trigger {
            item: &item,
            request: &request,
            request_id: run.key.request_id(attempt),
            deadline,
        };
        let outcome = vault.trigger(&trigger).await;
        tracing::info!(attempt, outcome = outcome.label(), "triggered");
        self.store.count_trigger(outcome.label());
        Box::pin(self.record_outcome(claim, before, &outcome)).await
    }

    /// Writes down what came of a trigger, only while the claim is the one it was sent under.
    pub(super) async fn record_outcome(
        &mut self,
        claim: Claim,
        claimed: Now,
        outcome: &TriggerOutcome,
    ) -> Result<After, StoreError> {
        let mut last = StoreError::Conflict;
        for attempt in 0..RECORD_TRIES {
            let result = self.record_once(claim, claimed, outcome).await;
            match result {
                Ok(after) => return Ok(after),
                Err(StoreError::Gone) => return Err(StoreError::Gone),
                Err(error) => last = error,
            }
            self.clock
                .sleep(SignedDuration::from_millis(100 << attempt))
                .await;
        }
        self.memory.unrecorded = Some(Unrecorded {
            claim,
            claimed,
            outcome: outcome.clone(),
        });
        Err(last)
    }

    pub(super) async fn record_once(
        &mut self,
        claim: Claim,
        claimed: Now,
        outcome: &TriggerOutcome,
    ) -> Result<After, StoreError> {
        let stored = self.store.read().await?;
        if stored.run.mark != Mark::Standing(claim) {
            tracing::warn!(
                "another claim stands; the result of this trigger is dropped and looking decides"
            );
            return Ok(AT_ONCE);
        }
        let now = self.clock.now();
        let mut record = stored.run.record.clone();
        record.start_time.get_or_insert(claimed.wall);
        record
            .vault
            .get_or_insert_with(|| stored.run.intent.vault.clone());
        let wait = progress::triggered(
            &mut record,
            stored.run.key,
            claim,
            claimed.wall,
            outcome,
            now,
        );
        self.save(&stored, &record).await?;
        self.memory.went_forward();
        // Another claim follows a no; whatever says it, not in the same second.
        let least = match outcome {
            TriggerOutcome::NotStarted(_) => SignedDuration::from_secs(1),
            TriggerOutcome::Accepted { .. } | TriggerOutcome::Unknown { .. } => {
                SignedDuration::ZERO
            }
        };
        Ok(self.pause(now, wait.max(least)))
    }
}
