//! What must be true at the end of every run.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What stood when the controller was dead.
#[derive(Clone, Debug, Default)]
pub(super) struct AtTheCrash {
    /// The attempt whose claim stood, unless the status said that nothing was sent under it.
    claimed: Option<u64>,
    /// Request ids that had reached Azure.
    sent: BTreeSet<String>,
    /// The job that nobody knew of: only looking for it can find it.
    pub unrecorded: Option<String>,
}

impl AtTheCrash {
    pub fn of(object: &Value, ledger: &Value) -> Self {
        let attempts = || list(&object["status"]["attempts"]);
        let claim = super::world::claim(object);
        let claim = claim.as_deref().and_then(|claim| claim.split_once('/'));
        let claimed = claim.and_then(|(number, id)| {
            let not_started = attempts()
                .iter()
                .any(|attempt| attempt["claimId"] == id && attempt["state"] == "NotStarted");
            number.parse().ok().filter(|_| !not_started)
        });
        let triggers = triggers(ledger);
        let recorded = |request: &Value| {
            attempts().iter().any(|attempt| {
                attempt["requestId"] == *request
                    && (attempt["accepted"] == true || attempt["jobId"].is_string())
            })
        };
        let unrecorded = triggers
            .iter()
            .rev()
            .find(|trigger| job_of(trigger).is_some())
            .filter(|trigger| !recorded(&trigger["clientRequestId"]))
            .and_then(job_of);
        Self {
            claimed,
            sent: triggers.iter().map(request_of).collect(),
            unrecorded: unrecorded.map(str::to_owned),
        }
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
    /// Whether it writes over a VM.
    in_place: bool,
}

impl End {
    pub fn of(object: &Value, ledger: &Value, settled: bool) -> Self {
        let triggers = triggers(ledger);
        Self {
            status: object["status"].clone(),
            claim: super::world::claim(object),
            other_writes: list(&ledger["entries"]).len() - triggers.len(),
            triggers,
            settled,
            in_place: object["spec"]["recoveryType"] == "OriginalLocation",
        }
    }

    /// Whether the run waits for a person who decides what became of a request.
    pub fn is_blocked(&self) -> bool {
        is_blocked(&json!({"status": self.status}))
    }

    pub fn attempts(&self) -> usize {
        list(&self.status["attempts"]).len()
    }

    /// Restore requests that made a job.
    fn accepted(&self) -> Vec<&Value> {
        let made_a_job = |trigger: &&Value| job_of(trigger).is_some();
        self.triggers.iter().filter(made_a_job).collect()
    }

    /// The states of the attempts that Azure accepted, or of the others.
    fn states(&self, of_accepted: bool) -> Vec<(u64, &str)> {
        let accepted: BTreeSet<String> = self.accepted().into_iter().map(request_of).collect();
        let attempts = list(&self.status["attempts"]).iter();
        let kind = attempts.filter(|attempt| {
            let request = attempt["requestId"].as_str().unwrap_or_default();
            accepted.contains(request) == of_accepted
        });
        kind.map(|attempt| {
            let number = attempt["number"].as_u64().unwrap_or_default();
            (number, attempt["state"].as_str().unwrap_or_default())
        })
        .collect()
    }
}

/// What is wrong with an end, compared with that of the same path without a crash.
pub(super) fn faults(end: &End, calm: &End, crashes: &[AtTheCrash]) -> Vec<String> {
    let mut faults = Vec::new();
    if !end.settled {
        faults.push(format!(
            "it did not come to its end: phase {}, claim {:?}, message {}",
            end.status["phase"], end.claim, end.status["message"]
        ));
    }
    if end.in_place && end.is_blocked() && !calm.is_blocked() {
        of_blocked(end, crashes, &mut faults);
        return faults;
    }
    if calm.is_blocked() && crashes.iter().any(|crash| crash.unrecorded.is_some()) {
        of_found(end, &mut faults);
        return faults;
    }
    of_ledger(end, calm, &mut faults);
    of_attempts(end, calm, crashes, &mut faults);
    of_status(end, calm, crashes, &mut faults);
    faults
}

/// What writes over a VM waits for a person instead of another attempt: right if the controller died under its claim with nothing
/// sent, and if nothing was sent later either.
fn of_blocked(end: &End, crashes: &[AtTheCrash], faults: &mut Vec<String>) {
    if !end.triggers.is_empty() || end.other_writes > 0 {
        faults.push(format!(
            "it waits for a person, and {} restore requests are in the ledger",
            end.triggers.len()
        ));
    }
    if !crashes.iter().any(|crash| crash.claimed.is_some()) {
        faults.push("it waits for a person although no claim stood at a crash".to_owned());
    }
}

/// The path loses its request, but this crash came after that request had taken effect: the run follows the one job to its end.
fn of_found(end: &End, faults: &mut Vec<String>) {
    let (accepted, job) = (end.accepted(), &end.status["job"]);
    let phase = if job["status"] == "Failed" {
        "Failed"
    } else {
        "Succeeded"
    };
    let follows = accepted.len() == 1 && accepted[0]["caused"]["jobId"] == job["id"];
    if !follows || end.triggers.len() != 1 || end.other_writes > 0 {
        faults.push(format!(
            "{} restore requests in the ledger, {} of them accepted, and the status has job {}",
            end.triggers.len(),
            accepted.len(),
            job["id"]
        ));
    }
    if end.status["phase"] != phase || reason(&end.status, "Triggered") != "JobAdopted" {
        faults.push(format!(
            "phase {}, Triggered {}, with a job that is {}",
            end.status["phase"],
            reason(&end.status, "Triggered"),
            job["status"]
        ));
    }
}

/// As many jobs as without a crash, each with an id of its own; the last one is that of the status.
fn of_ledger(end: &End, calm: &End, faults: &mut Vec<String>) {
    if end.other_writes > 0 {
        faults.push(format!("{} other writes in the ledger", end.other_writes));
    }
    let (accepted, expected) = (end.accepted(), calm.accepted().len());
    let ids: BTreeSet<String> = end.triggers.iter().map(request_of).collect();
    if accepted.len() != expected || ids.len() != end.triggers.len() {
        faults.push(format!(
            "{} restore requests in the ledger, {} of them accepted, with {} ids, instead of {expected} accepted",
            end.triggers.len(),
            accepted.len(),
            ids.len()
        ));
        return;
    }
    let told = |trigger: &&Value| trigger["fault"].is_string() || job_of(trigger).is_some();
    if !end.triggers.iter().all(|trigger| told(&trigger)) {
        faults.push("Azure refused a restore request".to_owned());
    }
    let Some(last) = accepted.last() else {
        return;
    };
    let job = &last["caused"]["jobId"];
    if end.status["job"]["id"] != *job {
        faults.push(format!(
            "the ledger has job {job}, the status {}",
            end.status["job"]["id"]
        ));
    }
    let attempt = list(&end.status["attempts"]).last();
    let sent = &last["clientRequestId"];
    if attempt.is_none_or(|attempt| attempt["requestId"] != *sent) {
        faults.push(format!(
            "the ledger's request {sent} is not that of the last attempt"
        ));
    }
}

/// Attempts with a job end as without a crash. One without is there only if the controller died under its claim with nothing
/// sent, or if its request was lost on the way to Azure.
fn of_attempts(end: &End, calm: &End, crashes: &[AtTheCrash], faults: &mut Vec<String>) {
    let words = |states: &[(u64, &str)]| {
        let words: Vec<&str> = states.iter().map(|(_, state)| *state).collect();
        words.join(", ")
    };
    let (is, expected) = (words(&end.states(true)), words(&calm.states(true)));
    if is != expected {
        faults.push(format!(
            "attempts with a job are {is} instead of {expected}"
        ));
    }
    let id_of = |number: u64| {
        let attempts = list(&end.status["attempts"]).iter();
        let mut same = attempts.filter(|attempt| attempt["number"] == number);
        same.next()
            .and_then(|attempt| attempt["requestId"].as_str())
    };
    let sent =
        |number: &u64, ids: &BTreeSet<String>| id_of(*number).is_some_and(|id| ids.contains(id));
    let unsent = crashes
        .iter()
        .filter_map(|crash| crash.claimed.filter(|number| !sent(number, &crash.sent)));
    let mut explained: BTreeSet<u64> = unsent.collect();
    let reached: BTreeSet<String> = end.triggers.iter().map(request_of).collect();
    for (number, state) in end.states(false) {
        explained.extend(sent(&number, &reached).then_some(number));
        // What only a person can decide stays open.
        let open = calm.is_blocked() && state == "Blocked";
        if state != "NotFound" && !open || !explained.contains(&number) {
            faults.push(format!(
                "attempt {number} without a job is {state}; at the crashes it was {crashes:?}"
            ));
        }
    }
}

/// The status that the path has without a crash, as far as it does not depend on the run.
fn of_status(end: &End, calm: &End, crashes: &[AtTheCrash], faults: &mut Vec<String>) {
    let (is, expected) = (comparable(&end.status), comparable(&calm.status));
    differences("status", &is, &expected, faults);

    let followed = end.status["job"]["id"].as_str();
    let was_unrecorded = crashes
        .iter()
        .any(|crash| crash.unrecorded.is_some() && crash.unrecorded.as_deref() == followed);
    let expected = if was_unrecorded {
        "JobAdopted".to_owned()
    } else {
        reason(&calm.status, "Triggered")
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

/// Whether the run waits for a person who decides what became of a request.
pub(super) fn is_blocked(object: &Value) -> bool {
    let status = &object["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    status["phase"] == "Blocked"
        && ready.any(|condition| condition["reason"] == "TriggerOutcomeUnknown")
}

fn triggers(ledger: &Value) -> Vec<Value> {
    let entries = list(&ledger["entries"]).iter();
    let of_restore = entries.filter(|entry| entry["operation"] == "TriggerRestore");
    of_restore.cloned().collect()
}

fn job_of(trigger: &Value) -> Option<&str> {
    trigger["caused"]["jobId"].as_str()
}

fn request_of(trigger: &Value) -> String {
    trigger["clientRequestId"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
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
    // How far it was seen to come depends on when it was looked at.
    if status["job"]["status"] == "Failed"
        && let Some(job) = status["job"].as_object_mut()
    {
        job.remove("progressPercent");
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
        faults(end, &an_end(), &[]).join("; ")
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
        let claimed = |sent: &[&str]| AtTheCrash {
            claimed: Some(1),
            sent: sent.iter().map(|&id| id.to_owned()).collect(),
            unrecorded: None,
        };
        let mut end = an_end();
        end.status["attempts"] = json!([
            {"number": 1, "requestId": JOB, "state": "NotFound"},
            {"number": 2, "requestId": REQUEST, "state": "Ended"},
        ]);

        assert!(wrong(&end).contains("attempt 1 without a job is NotFound"));
        let none = Vec::<String>::new();
        assert_eq!(faults(&end, &an_end(), &[claimed(&[])]), none);
        let crashes = [claimed(&[JOB])];
        assert!(!faults(&end, &an_end(), &crashes).is_empty(), "it was sent");
        let lost = json!({"operation": "TriggerRestore", "clientRequestId": JOB, "fault": "connection closed"});
        end.triggers.insert(0, lost);
        assert_eq!(wrong(&end), "", "it was lost on its way");
    }

    #[test]
    fn what_writes_over_a_vm_may_wait_for_a_person_if_nothing_was_ever_sent() {
        let object = json!({"spec": {"recoveryType": "OriginalLocation"}, "status": {"phase": "Blocked",
            "conditions": [{"type": "Ready", "reason": "TriggerOutcomeUnknown"}], "attempts": [{"number": 1, "requestId": REQUEST}]}});
        let crash = AtTheCrash {
            claimed: Some(1),
            ..AtTheCrash::default()
        };
        let waiting = End::of(&object, &ledger(&[]), true);
        let sent = End::of(&object, &ledger(&[REQUEST]), true);
        let said = |end: &End, crashes: &[AtTheCrash]| faults(end, &an_end(), crashes).join("; ");

        assert_eq!(said(&waiting, std::slice::from_ref(&crash)), "");
        assert!(said(&waiting, &[]).contains("no claim stood"));
        assert!(said(&sent, &[crash]).contains("1 restore requests are in the ledger"));
    }

    #[test]
    fn a_request_that_took_effect_before_its_path_could_lose_it_is_followed_and_is_the_only_one() {
        let blocked = json!({"phase": "Blocked", "conditions": [{"type": "Ready", "reason": "TriggerOutcomeUnknown"}]});
        let calm = End::of(&json!({"status": blocked}), &ledger(&[]), true);
        let crash = AtTheCrash {
            unrecorded: Some(JOB.to_owned()),
            ..AtTheCrash::default()
        };
        let said = |end: &End| faults(end, &calm, std::slice::from_ref(&crash)).join("; ");
        let mut adopted = an_end();
        adopted.status["conditions"][0]["reason"] = json!("JobAdopted");

        assert_eq!(said(&adopted), "");
        assert!(said(&an_end()).contains("Triggered Accepted"));
        adopted.triggers = End::of(&json!({}), &ledger(&[REQUEST, JOB]), true).triggers;
        assert!(said(&adopted).contains("2 restore requests in the ledger"));
    }

    #[test]
    fn a_job_that_nobody_knew_at_the_crash_is_adopted() {
        let object = json!({"status": {"attempts": [{"number": 1, "requestId": REQUEST, "claimId": "x", "state": "Claimed"}]},
            "metadata": {"annotations": {"vmrestore.azurebackup.dev/claim": "1/x"}}});
        let crash = AtTheCrash::of(&object, &ledger(&[REQUEST]));

        assert_eq!(crash.unrecorded.as_deref(), Some(JOB));
        assert_eq!(crash.claimed, Some(1));
        let said = faults(&an_end(), &an_end(), &[crash]).join("; ");
        assert!(
            said.contains("Triggered says Accepted instead of JobAdopted"),
            "{said}"
        );
    }
}
