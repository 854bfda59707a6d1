//! What must be true at the end of every run.

use serde_json::Value;

/// What stood when the controller was dead.
#[derive(Clone, Debug, Default)]
pub(super) struct AtTheCrash {
    /// The claim on the object.
    pub claim: Option<String>,
    /// Restores that Azure had accepted.
    pub jobs: usize,
    /// Whether the status said that Azure had accepted one.
    pub recorded: bool,
    /// Whether the status said that nothing was sent under that very claim.
    pub not_started: bool,
}

impl AtTheCrash {
    pub fn of(object: &Value, jobs: usize) -> Self {
        let claim = super::world::claim(object);
        let claim_id = claim.as_deref().and_then(|claim| claim.split('/').nth(1));
        let attempts = || {
            object["status"]["attempts"]
                .as_array()
                .into_iter()
                .flatten()
        };
        let not_started = attempts().any(|attempt| {
            attempt["claimId"].as_str() == claim_id && attempt["state"] == "NotStarted"
        });
        Self {
            jobs,
            recorded: attempts().any(|attempt| attempt["accepted"] == true),
            not_started: claim_id.is_some() && not_started,
            claim,
        }
    }

    /// The job was there and nobody knew: only looking for it can find it.
    pub fn is_before_the_record(&self) -> bool {
        self.jobs > 0 && !self.recorded
    }

    /// A claim stood and nothing had been sent under it: after the adoption window the next attempt is right.
    fn is_between_claim_and_trigger(&self) -> bool {
        self.claim.is_some() && self.jobs == 0 && !self.not_started
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    status: Value,
    claim: Option<String>,
    triggers: Vec<Value>,
    /// Writes to Azure that are no restore request.
    other_writes: usize,
    settled: bool,
}

impl End {
    pub fn of(object: &Value, ledger: &Value, settled: bool) -> Self {
        let entries = ledger["entries"].as_array().into_iter().flatten();
        let (triggers, others): (Vec<&Value>, Vec<&Value>) =
            entries.partition(|entry| entry["operation"] == "TriggerRestore");
        Self {
            status: object["status"].clone(),
            claim: super::world::claim(object),
            triggers: triggers.into_iter().cloned().collect(),
            other_writes: others.len(),
            settled,
        }
    }

    pub fn attempts(&self) -> usize {
        self.status["attempts"].as_array().map_or(0, Vec::len)
    }
}

/// What is wrong with an end, compared with that of the happy path.
pub(super) fn faults(end: &End, happy: &End, crashed: &AtTheCrash) -> Vec<String> {
    let mut faults = Vec::new();
    if !end.settled {
        faults.push(format!(
            "it did not come to its end: phase {}, claim {:?}, message {}",
            end.status["phase"], end.claim, end.status["message"]
        ));
    }
    of_ledger(end, &mut faults);
    of_attempts(end, crashed, &mut faults);
    of_status(end, happy, crashed, &mut faults);
    faults
}

/// One restore request that reached Azure, and it made one job: that of the status.
fn of_ledger(end: &End, faults: &mut Vec<String>) {
    if end.other_writes > 0 {
        faults.push(format!("{} other writes in the ledger", end.other_writes));
    }
    let [trigger] = end.triggers.as_slice() else {
        faults.push(format!(
            "{} restore requests in the ledger instead of one",
            end.triggers.len()
        ));
        return;
    };
    let job = &trigger["caused"]["jobId"];
    if !job.is_string() || end.status["job"]["id"] != *job {
        faults.push(format!(
            "the ledger has job {job}, the status {}",
            end.status["job"]["id"]
        ));
    }
    let last = end.status["attempts"]
        .as_array()
        .and_then(|attempts| attempts.last());
    let sent = &trigger["clientRequestId"];
    if last.is_none_or(|last| last["requestId"] != *sent) {
        faults.push(format!(
            "the ledger's request {sent} is not that of the last attempt"
        ));
    }
}

/// The attempts that the crash explains.
fn of_attempts(end: &End, crashed: &AtTheCrash, faults: &mut Vec<String>) {
    let expected: &[&str] = if crashed.is_between_claim_and_trigger() {
        &["NotFound", "Ended"]
    } else {
        &["Ended"]
    };
    let attempts = end.status["attempts"].as_array().into_iter().flatten();
    let states: Vec<&str> = attempts
        .map(|attempt| attempt["state"].as_str().unwrap_or_default())
        .collect();
    if states != expected {
        faults.push(format!(
            "attempts are {} instead of {}; at the crash the claim was {:?} and Azure had {} jobs",
            states.join(", "),
            expected.join(", "),
            crashed.claim,
            crashed.jobs
        ));
    }
}

/// The status that the happy path has, as far as it does not depend on the run.
fn of_status(end: &End, happy: &End, crashed: &AtTheCrash, faults: &mut Vec<String>) {
    let (is, expected) = (comparable(&end.status), comparable(&happy.status));
    differences("status", &is, &expected, faults);

    let expected = if crashed.is_before_the_record() {
        "JobAdopted"
    } else {
        "Accepted"
    };
    let triggered = reason(&end.status, "Triggered");
    if triggered != expected {
        faults.push(format!("Triggered says {triggered} instead of {expected}"));
    }
    // Only the answer to the trigger names the operation.
    if end.status["operation"]["id"].is_string() != (expected == "Accepted") {
        faults.push(format!(
            "operation is {} although Triggered says {triggered}",
            end.status["operation"]
        ));
    }
}

/// Names the parts of two values that differ.
fn differences(place: &str, is: &Value, expected: &Value, faults: &mut Vec<String>) {
    match (is, expected) {
        (Value::Object(is), Value::Object(expected)) => {
            let mut keys: Vec<&String> = is.keys().chain(expected.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let of = |fields: &serde_json::Map<String, Value>| {
                    fields.get(key).cloned().unwrap_or_default()
                };
                differences(&format!("{place}.{key}"), &of(is), &of(expected), faults);
            }
        }
        (is, expected) if is != expected => {
            faults.push(format!("{place} is {is} instead of {expected}"));
        }
        _ => {}
    }
}

/// A status without attempts and operation, which are looked at by themselves, and without what is new in every run:
/// ids and times.
fn comparable(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|name, _| !["attempts", "operation"].contains(&name.as_str()));
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut by_type = serde_json::Map::new();
    for condition in conditions.filter(|condition| condition["type"] != "Triggered") {
        let name = condition["type"].as_str().unwrap_or_default();
        by_type.insert(name.to_owned(), condition.clone());
    }
    status["conditions"] = Value::Object(by_type);
    masked(status)
}

fn masked(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, masked(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::String(text) => Value::String(masked_text(&text)),
        other => other,
    }
}

fn masked_text(text: &str) -> String {
    let is_time = text.parse::<jiff::Timestamp>().is_ok()
        || [" AM", " PM"].iter().any(|end| text.ends_with(end));
    if is_time {
        return "(time)".to_owned();
    }
    let belongs_to_an_id = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    let mut kept = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let run = rest
            .find(|letter| !belongs_to_an_id(letter))
            .unwrap_or(rest.len());
        let taken = run.max(next.len_utf8());
        kept.push_str(if run >= ID_LENGTH {
            "(id)"
        } else {
            &rest[..taken]
        });
        rest = &rest[taken..];
    }
    kept
}

/// Of a UUID without hyphens; with them it has 36 letters.
const ID_LENGTH: usize = 32;

fn reason(status: &Value, kind: &str) -> String {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == kind);
    let reason = found.and_then(|condition| condition["reason"].as_str());
    reason.unwrap_or("nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REQUEST: &str = "3f722416-2091-5c11-b5c7-a52960e44001";
    const JOB: &str = "09b18477-7fbf-48a0-b683-8125e12dfaa6";

    fn an_end() -> End {
        let object = json!({"metadata": {}, "status": {
            "phase": "Succeeded", "finished": true, "message": format!("job {JOB} completed"),
            "completionTime": "2026-11-23T01:52:20.151701133Z",
            "operation": {"id": "c1c3821b-67ef-4538-8b06-9f8172a6d6f1"}, "job": {"id": JOB, "status": "Completed"},
            "attempts": [{"number": 1, "requestId": REQUEST, "state": "Ended"}],
            "conditions": [{"type": "Triggered", "status": "True", "reason": "Accepted"}],
        }});
        End::of(&object, &ledger(&[REQUEST]), true)
    }

    fn ledger(requests: &[&str]) -> Value {
        let entry = |request: &&str| json!({"operation": "TriggerRestore", "clientRequestId": request, "caused": {"jobId": JOB}});
        json!({"entries": requests.iter().map(entry).collect::<Vec<_>>()})
    }

    fn wrong(end: &End) -> String {
        faults(end, &an_end(), &AtTheCrash::default()).join("; ")
    }

    #[test]
    fn the_happy_path_has_no_fault() {
        assert_eq!(wrong(&an_end()), "");
    }

    #[test]
    fn ids_and_times_are_new_in_every_run() {
        let mut end = an_end();
        end.status["completionTime"] = json!("2027-01-01T00:00:00Z");

        assert_eq!(wrong(&end), "");
        assert_eq!(
            masked_text(&format!("é {JOB} v-53135a6948db5258b23f9e853107a067.json")),
            "é (id) v(id).json"
        );
    }

    #[test]
    fn a_second_job_is_a_fault() {
        let mut end = an_end();
        end.triggers = End::of(&json!({}), &ledger(&[REQUEST, JOB]), true).triggers;

        assert!(wrong(&end).contains("2 restore requests in the ledger"));
    }

    #[test]
    fn a_lost_operation_another_phase_and_no_end_are_faults() {
        let mut lost = an_end();
        lost.status["operation"] = Value::Null;
        let mut failed = an_end();
        failed.status["phase"] = json!("Failed");
        let mut hanging = an_end();
        hanging.settled = false;

        assert!(wrong(&lost).contains("operation is null"));
        assert!(wrong(&failed).contains("status.phase is \"Failed\" instead of \"Succeeded\""));
        assert!(wrong(&hanging).contains("did not come to its end"));
    }

    #[test]
    fn a_second_attempt_is_right_only_if_nothing_was_sent_under_a_claim() {
        let claimed = AtTheCrash {
            claim: Some("1/x".to_owned()),
            ..AtTheCrash::default()
        };
        let mut end = an_end();
        end.status["attempts"] = json!([
            {"number": 1, "requestId": JOB, "state": "NotFound"},
            {"number": 2, "requestId": REQUEST, "state": "Ended"},
        ]);

        assert!(wrong(&end).contains("attempts are NotFound, Ended instead of Ended"));
        assert_eq!(faults(&end, &an_end(), &claimed), Vec::<String>::new());
    }
}
