//! The calm after the storm: waits until every run has ended, and plays the person whom some runs wait for.

use super::audit::{self, Outcome, TRIGGER_OUTCOME_UNKNOWN};
use super::schedule::Schedule;
use super::stage::{RESOLVE, Stage};
use crate::{RestoreType, TestbedError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Longest calm, in real time: an adoption window is 15 s of it.
pub const CALM_WITHIN: Duration = Duration::from_secs(420);

/// How long a run must have been waiting for a person before the person comes.
const BEFORE_A_PERSON_COMES: Duration = Duration::from_secs(5);

/// How long all must be at rest, before that is believed: claims are let go a while after the end.
const AT_REST: Duration = Duration::from_secs(20);

/// What a person does for a run whose status cannot be read. It decides nothing.
const STATUS_ERASED: &str = "status erased";

/// What a person has said.
#[derive(Debug, Default)]
pub struct Words {
    /// How often, by the word.
    pub counts: BTreeMap<&'static str, u32>,
    /// Runs of which a person decided what had become of a request.
    pub runs: BTreeSet<usize>,
}

/// Waits; returns what a person said meanwhile.
pub async fn settle(
    stage: &Stage,
    storm_is_over: impl Fn() -> bool,
) -> Result<Words, TestbedError> {
    let start = Instant::now();
    let mut words = Words::default();
    // Since when, and how often somebody came.
    let mut waiting: BTreeMap<usize, (Instant, u32)> = BTreeMap::new();
    let mut rests_since = None;
    while start.elapsed() < CALM_WITHIN {
        let objects = stage.objects().await?;
        let outcomes: Vec<Outcome> = objects.iter().filter_map(audit::outcome).collect();
        let open: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| !is_at_rest(stage, outcome))
            .collect();
        if open.is_empty() && storm_is_over() {
            let since = *rests_since.get_or_insert_with(Instant::now);
            if since.elapsed() > AT_REST {
                break;
            }
        } else {
            rests_since = None;
        }
        waiting.retain(|run, _| open.iter().any(|outcome| outcome.run == *run));
        for outcome in open {
            let (since, visits) = *waiting
                .entry(outcome.run)
                .or_insert_with(|| (Instant::now(), 0));
            if since.elapsed() > BEFORE_A_PERSON_COMES
                && let Some(word) = help(stage, outcome, visits).await?
            {
                *words.counts.entry(word).or_default() += 1;
                if word != STATUS_ERASED {
                    words.runs.insert(outcome.run);
                }
                waiting.insert(outcome.run, (Instant::now(), visits + 1));
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(words)
}

/// Some runs are left blocked on purpose, so that the report shows what they say; none that holds the lock of a VM which another
/// run waits for.
fn is_at_rest(stage: &Stage, outcome: &Outcome) -> bool {
    let blocks_others = stage.run(outcome.run).restore == RestoreType::OriginalLocation
        && !stage.schedule.is_alone(outcome.run);
    let left = outcome.run.is_multiple_of(4)
        && outcome.reason == TRIGGER_OUTCOME_UNKNOWN
        && !blocks_others;
    !outcome.deleting && (outcome.finished || left)
}

/// What a careful person does for a run that waits for one: looks at Azure's jobs, then decides.
async fn help(
    stage: &Stage,
    outcome: &Outcome,
    visits: u32,
) -> Result<Option<&'static str>, TestbedError> {
    if outcome.reason == "StatusUnreadable" {
        stage.write_status(outcome.run, &json!({})).await?;
        return Ok(Some(STATUS_ERASED));
    }
    let claim = outcome
        .claim
        .as_deref()
        .and_then(|claim| claim.split_once('/'));
    let Some((_, claim)) = claim else {
        return Ok(None);
    };
    let for_deletion = outcome.deleting && outcome.message.contains("abandon:");
    if for_deletion {
        return resolve(stage, outcome.run, format!("abandon:{claim}"))
            .await
            .map(|()| Some("abandon for a deletion"));
    }
    if outcome.reason != TRIGGER_OUTCOME_UNKNOWN {
        return Ok(None);
    }
    match running_job(stage, outcome.run).await? {
        Some(job) => resolve(stage, outcome.run, format!("adopt:{claim}/{job}"))
            .await
            .map(|()| Some("adopt")),
        // A retry does not count once `startBy` has passed.
        None if outcome.run % 4 == 1 || visits > 0 => {
            resolve(stage, outcome.run, format!("abandon:{claim}"))
                .await
                .map(|()| Some("abandon"))
        }
        None => resolve(stage, outcome.run, format!("retry:{claim}"))
            .await
            .map(|()| Some("retry")),
    }
}

async fn resolve(stage: &Stage, run: usize, word: String) -> Result<(), TestbedError> {
    let patch = json!({"metadata": {"annotations": {RESOLVE: word}}});
    stage.patch(run, &patch).await
}

/// The job of a run that has not failed, as the emulator knows it.
async fn running_job(stage: &Stage, run: usize) -> Result<Option<String>, TestbedError> {
    let (ledger, jobs): (Value, Value) =
        tokio::try_join!(stage.emulator.ledger(), stage.emulator.jobs())?;
    let (accepted, _) = audit::accepted(&ledger, &jobs, stage.schedule.runs.len());
    let mut own = accepted
        .into_iter()
        .filter(|restore| restore.run == run && restore.failed_at.is_none());
    Ok(own.next_back().and_then(|restore| restore.job))
}

/// The name of a run with its namespace.
pub fn full_name(stage: &Stage, run: usize) -> String {
    let namespace = super::schedule::NAMESPACES[stage.run(run).namespace];
    format!("{namespace}/{}", Schedule::name_of(run))
}
