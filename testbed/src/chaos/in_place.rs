//! What must be true of runs that write over a VM besides. Pure: the ledger is the truth.

use super::audit::{Accepted, Offence, Verdict, list};
use super::kind::storage_account_id;
use serde_json::Value;
use std::collections::BTreeMap;

/// Notes restores in place that came after another one of their run, or while another one of their VM was going on.
///
/// `decided` says whether a person decided what had become of a request of a run: after that another one is right.
pub fn note(
    verdict: &mut Verdict,
    ledger: &Value,
    accepted: &[Accepted],
    decided: impl Fn(usize) -> bool,
) {
    for (offence, unfilled) in repeated(ledger, accepted) {
        if !decided(offence.run) {
            verdict.note("REPEATED", offence, unfilled);
        }
    }
    for offence in overlapping(accepted) {
        verdict.note("OVERLAP", offence, false);
    }
}

/// Each with whether the earlier job does not carry its id.
fn repeated(ledger: &Value, accepted: &[Accepted]) -> Vec<(Offence, bool)> {
    // The last request of each run that forbids another one, in words.
    let mut forbidding: BTreeMap<String, (String, bool)> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in list(&ledger["entries"]) {
        let properties = &entry["body"]["properties"];
        if entry["operation"] != "TriggerRestore" || in_place(properties).is_none() {
            continue;
        }
        let account = properties["storageAccountId"].as_str().unwrap_or_default();
        let account = account.to_lowercase();
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        if let Some((earlier, unfilled)) = forbidding.get(&account)
            && let Some(run) = run_of(&account)
        {
            let text = format!(
                "request {} was sent at {} after {earlier}",
                text("clientRequestId"),
                text("time")
            );
            found.push((Offence { run, text }, *unfilled));
        }
        let job = entry.pointer("/caused/jobId").and_then(Value::as_str);
        if let Some(job) = job {
            let same = |restore: &&Accepted| restore.job.as_deref() == Some(job);
            let unfilled = accepted
                .iter()
                .find(same)
                .is_some_and(|restore| restore.unfilled);
            forbidding.insert(account, (format!("job {job} was accepted"), unfilled));
        } else if entry["caused"]["operationId"].is_null() && leaves_unknown(&text("fault")) {
            let unknown = format!(
                "{} at {}: {}",
                text("clientRequestId"),
                text("time"),
                text("fault")
            );
            forbidding.insert(account, (unknown, false));
        }
    }
    found
}

/// Whether whoever sent a request cannot know what became of it, by the emulator's words for what it did to it.
fn leaves_unknown(fault: &str) -> bool {
    let answered = fault.strip_prefix("answered ").unwrap_or_default();
    let by_gateway = ["408", "5"].iter().any(|start| answered.starts_with(start));
    fault.starts_with("connection closed") || by_gateway
}

fn run_of(account: &str) -> Option<usize> {
    let number = account.rsplit("/run").next()?.parse().ok()?;
    (storage_account_id(number).to_lowercase() == account).then_some(number)
}

fn overlapping(accepted: &[Accepted]) -> Vec<Offence> {
    let mut found = Vec::new();
    for (place, later) in accepted.iter().enumerate() {
        let earlier = accepted[..place].iter();
        let same = |earlier: &&Accepted| later.over.is_some() && earlier.over == later.over;
        let ran = |earlier: &&Accepted| earlier.ended_at.is_none_or(|end| end > later.at);
        for earlier in earlier.filter(same).filter(ran) {
            found.push(Offence {
                run: later.run,
                text: format!(
                    "{} was accepted at {} while {} of run {} wrote over the same VM",
                    name(later),
                    later.at,
                    name(earlier),
                    earlier.run
                ),
            });
        }
    }
    found
}

/// The VM that a restore request writes over.
pub fn in_place(properties: &Value) -> Option<String> {
    let vm = properties["sourceResourceId"].as_str()?;
    (properties["recoveryType"] == "OriginalLocation").then(|| vm.to_lowercase())
}

/// An accepted restore, for people.
pub(super) fn name(restore: &Accepted) -> String {
    match &restore.job {
        Some(job) => format!("job {job}"),
        None => "an operation without a job".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// A restore in place of one VM, from one minute to another.
    fn restore(run: usize, from: i64, to: Option<i64>) -> Accepted {
        Accepted {
            run,
            request_id: "a".to_owned(),
            at: minute(from),
            job: Some(format!("job-{from}")),
            status: "Completed".to_owned(),
            unfilled: false,
            failed_at: None,
            ended_at: to.map(minute),
            over: Some("/vm".to_owned()),
        }
    }

    /// A request of run 1: what it caused, and what a fault did to it.
    fn request(kind: &str, caused: Value, fault: Option<&str>) -> Value {
        json!({"operation": "TriggerRestore", "clientRequestId": "a", "time": "2026-01-01T00:00:00Z", "caused": caused,
            "fault": fault, "body": {"properties": {
                "recoveryType": kind, "sourceResourceId": "/vm", "storageAccountId": storage_account_id(1)}}})
    }

    fn classes(entries: &[Value], accepted: &[Accepted], decided: bool) -> Vec<&'static str> {
        let mut verdict = Verdict::default();
        note(&mut verdict, &json!({"entries": entries}), accepted, |_| {
            decided
        });
        verdict.offences().map(|(class, _)| class).collect()
    }

    const IN_PLACE: &str = "OriginalLocation";

    #[test]
    fn a_request_after_an_accepted_one_is_repeated_unless_a_person_decided() {
        let made = |job: &str| request(IN_PLACE, json!({"operationId": job, "jobId": job}), None);
        let entries = [made("one"), made("two")];

        assert_eq!(classes(&entries, &[], false), ["REPEATED"]);
        assert!(classes(&entries, &[], true).is_empty());
        assert!(classes(&entries[..1], &[], false).is_empty());
    }

    #[test]
    fn a_request_after_an_unknown_outcome_is_repeated_also_if_nothing_had_come_of_it() {
        for fault in [
            "connection closed before its effect",
            "answered 503 before its effect",
            "answered 408 before its effect",
        ] {
            let lost = request(IN_PLACE, Value::Null, Some(fault));
            assert_eq!(
                classes(&[lost.clone(), lost], &[], false),
                ["REPEATED"],
                "{fault}"
            );
        }
    }

    #[test]
    fn a_request_after_one_that_did_not_start_is_right() {
        let refused = request(
            IN_PLACE,
            Value::Null,
            Some("answered 409 before its effect"),
        );
        let failed = request(IN_PLACE, json!({"operationId": "o"}), None);
        let made = request(IN_PLACE, json!({"operationId": "o", "jobId": "j"}), None);

        assert!(classes(&[refused, failed, made], &[], false).is_empty());
    }

    #[test]
    fn other_types_may_be_sent_again_after_an_unknown_outcome() {
        let lost = request(
            "RestoreDisks",
            Value::Null,
            Some("connection closed before its effect"),
        );

        assert!(classes(&[lost.clone(), lost], &[], false).is_empty());
    }

    #[test]
    fn what_follows_a_job_without_its_id_is_excused() {
        let made = |job: &str| request(IN_PLACE, json!({"operationId": job, "jobId": job}), None);
        let mut first = restore(1, 1, Some(2));
        first.unfilled = true;
        let mut verdict = Verdict::default();
        let ledger = json!({"entries": [made("job-1"), made("job-3")]});

        note(
            &mut verdict,
            &ledger,
            &[first, restore(1, 3, Some(4))],
            |_| false,
        );

        assert!(verdict.is_good());
        assert_eq!(verdict.excused.len(), 1);
    }

    #[test]
    fn two_restores_over_one_vm_overlap_until_the_first_has_ended() {
        let later = restore(2, 5, Some(9));

        assert_eq!(
            classes(&[], &[restore(1, 1, Some(6)), later.clone()], false),
            ["OVERLAP"]
        );
        assert_eq!(
            classes(&[], &[restore(1, 1, None), later.clone()], false),
            ["OVERLAP"]
        );
        assert!(classes(&[], &[restore(1, 1, Some(5)), later.clone()], false).is_empty());
        let mut disks = restore(1, 1, None);
        disks.over = None;
        assert!(classes(&[], &[disks, later], false).is_empty());
    }
}
