//! The jobs of a recording: the restore's own one over time, and what lists show of others.

use super::made_up::text;
use super::recording::{Exchange, Recording, Restore};
use jiff::SignedDuration;
use serde_json::Value;

/// What reading the restore's job answers from an instant on.
struct State {
    from: SignedDuration,
    answer: Exchange,
}

/// The recorded jobs.
pub struct JobHistory {
    states: Vec<State>,
    /// How many of the recorded errors have been given.
    errors_given: usize,
    others: Vec<Value>,
}

impl JobHistory {
    /// Reads the jobs out of a recording; pauses between two reads are cut to `longest_pause`.
    pub fn of(recording: &Recording, restore: &Restore, longest_pause: SignedDuration) -> Self {
        Self {
            states: states(recording, restore, longest_pause),
            errors_given: 0,
            others: others(recording, restore),
        }
    }

    /// The recorded answer at an instant after the restore; before the first one, the first one.
    pub fn at(&self, since_restore: SignedDuration) -> Option<&Exchange> {
        let past = self
            .good()
            .take_while(|state| state.from <= since_restore)
            .last();
        past.or_else(|| self.good().next())
            .map(|state| &state.answer)
    }

    /// A recorded error whose time has come; each is given once.
    pub fn due_error(&mut self, since_restore: SignedDuration) -> Option<Exchange> {
        let mut due = self
            .states
            .iter()
            .filter(|state| !state.is_good() && state.from <= since_restore);
        let error = due.nth(self.errors_given)?.answer.clone();
        self.errors_given += 1;
        Some(error)
    }

    /// The last recorded state.
    pub fn last(&self) -> Option<&Value> {
        self.good()
            .last()
            .and_then(|state| state.answer.response.body.as_ref())
    }

    /// Jobs that a recorded list shows besides the restore's, as they were shown last.
    pub fn others(&self) -> &[Value] {
        &self.others
    }

    fn good(&self) -> impl Iterator<Item = &State> {
        self.states.iter().filter(|state| state.is_good())
    }
}

impl State {
    fn is_good(&self) -> bool {
        self.answer.response.status == 200
    }
}

/// Whether a job passes the conditions of a filter that are not about time: the recorded times are long past.
pub fn passes(filter: &str, job: &Value) -> bool {
    let properties = &job["properties"];
    ["operation", "status"]
        .iter()
        .all(|name| condition(filter, name).is_none_or(|value| text(properties, name) == value))
}

fn states(recording: &Recording, restore: &Restore, longest_pause: SignedDuration) -> Vec<State> {
    let Some(job) = restore.job.as_deref().map(str::to_lowercase) else {
        return Vec::new();
    };
    let suffix = format!("/backupjobs/{job}");
    let reads = recording
        .exchanges
        .iter()
        .enumerate()
        .skip(restore.position);
    reads
        .filter(|(_, exchange)| {
            let key = exchange.key();
            key.method == "GET" && !key.cross_region && key.path.ends_with(&suffix)
        })
        .map(|(position, exchange)| State {
            from: recording.played_at(restore, position, longest_pause),
            answer: exchange.clone(),
        })
        .collect()
}

fn others(recording: &Recording, restore: &Restore) -> Vec<Value> {
    let mut jobs: Vec<Value> = Vec::new();
    for exchange in &recording.exchanges {
        let key = exchange.key();
        if key.method != "GET" || key.cross_region || !key.path.ends_with("/backupjobs") {
            continue;
        }
        let listed = exchange
            .response
            .body
            .as_ref()
            .and_then(|body| body["value"].as_array());
        for job in listed.into_iter().flatten() {
            let name = text(job, "name");
            if restore
                .job
                .as_deref()
                .is_some_and(|ours| ours.eq_ignore_ascii_case(name))
            {
                continue;
            }
            jobs.retain(|known| text(known, "name") != name);
            jobs.push(job.clone());
        }
    }
    jobs
}

/// `name eq 'value'` of an OData filter.
fn condition(filter: &str, name: &str) -> Option<String> {
    filter.split(" and ").find_map(|part| {
        let (key, value) = part.split_once(" eq ")?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('\'').to_owned())
    })
}
