//! Compares what the emulator accepted with what the runs say at the end. Pure: the ledger is the truth.

use super::in_place::{in_place, name};
use super::kind::storage_account_id;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One restore that Azure accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub run: usize,
    pub request_id: String,
    pub at: Timestamp,
    /// None if its operation failed before there was one.
    pub job: Option<String>,
    /// Azure's word for the job, or for an operation without one `OperationFailed`.
    pub status: String,
    /// Whether the job does not carry the id that was sent.
    pub unfilled: bool,
    /// When it had failed, if it did: only after that another attempt may be accepted.
    pub failed_at: Option<Timestamp>,
    /// When it had ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// The VM whose disks it replaces.
    pub over: Option<String>,
}

/// What the object of a run says at the end.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub run: usize,
    pub phase: String,
    pub finished: bool,
    pub reason: String,
    pub message: String,
    pub deleting: bool,
    pub claim: Option<String>,
    /// Every job that status names, and the one that it follows.
    pub jobs: Vec<String>,
    pub followed: Option<String>,
}

impl Outcome {
    /// Whether status names the job of a restore.
    fn knows(&self, restore: &Accepted) -> bool {
        let same = |job: &String| {
            self.jobs
                .iter()
                .any(|known| known.eq_ignore_ascii_case(job))
        };
        restore.job.as_ref().is_some_and(same)
    }
}

/// A broken promise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offence {
    pub run: usize,
    pub text: String,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Verdict {
    pub duplicates: Vec<Offence>,
    pub lost: Vec<Offence>,
    pub dishonest: Vec<Offence>,
    pub stuck: Vec<Offence>,
    /// Another restore in place of a run after one that was accepted, or whose outcome nobody knew.
    pub repeated: Vec<Offence>,
    /// Restores in place of one VM, one of which began before the other had ended.
    pub overlapping: Vec<Offence>,
    /// Offences about jobs that do not carry the id that was sent, with their class: nobody can know whose they are. That
    /// Azure stops filling ids without a notice is a risk that the protocol names; what it led to is told all the same.
    pub excused: Vec<(&'static str, Offence)>,
    /// Accepted requests that belong to no run.
    pub foreign: usize,
    pub phases: BTreeMap<String, usize>,
    pub blocked: BTreeMap<String, usize>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.foreign == 0 && self.offences().next().is_none()
    }

    /// Counts an offence, or excuses it as one about a job without its id.
    pub(super) fn note(&mut self, class: &'static str, offence: Offence, unfilled: bool) {
        if unfilled {
            self.excused.push((class, offence));
            return;
        }
        match class {
            "DUPLICATE" => &mut self.duplicates,
            "LOST" => &mut self.lost,
            "DISHONEST" => &mut self.dishonest,
            "REPEATED" => &mut self.repeated,
            "OVERLAP" => &mut self.overlapping,
            _ => &mut self.stuck,
        }
        .push(offence);
    }

    /// All offences, each with its class.
    pub fn offences(&self) -> impl Iterator<Item = (&'static str, &Offence)> {
        [
            ("DUPLICATE", &self.duplicates),
            ("LOST", &self.lost),
            ("DISHONEST", &self.dishonest),
            ("STUCK", &self.stuck),
            ("REPEATED", &self.repeated),
            ("OVERLAP", &self.overlapping),
        ]
        .into_iter()
        .flat_map(|(class, offences)| offences.iter().map(move |offence| (class, offence)))
    }
}

/// The accepted restores of the ledger with what became of their jobs, and how many belong to no run.
pub fn accepted(ledger: &Value, jobs: &Value, runs: usize) -> (Vec<Accepted>, usize) {
    let numbers: BTreeMap<String, usize> = (0..runs)
        .map(|run| (storage_account_id(run).to_lowercase(), run))
        .collect();
    let jobs: BTreeMap<&str, &Value> = list(&jobs["jobs"])
        .iter()
        .filter_map(|job| Some((job["operationId"].as_str()?, job)))
        .collect();
    let mut foreign = 0;
    let mut all = Vec::new();
    for entry in list(&ledger["entries"]) {
        let Some(operation) = entry.pointer("/caused/operationId").and_then(Value::as_str) else {
            continue;
        };
        if entry["operation"] != "TriggerRestore" {
            continue;
        }
        let properties = &entry["body"]["properties"];
        let account = properties["storageAccountId"].as_str().unwrap_or_default();
        let Some(run) = numbers.get(&account.to_lowercase()) else {
            foreign += 1;
            continue;
        };
        let job = jobs.get(operation).copied().unwrap_or(&Value::Null);
        let id = entry.pointer("/caused/jobId").and_then(Value::as_str);
        let at = time(&entry["time"]).unwrap_or(Timestamp::UNIX_EPOCH);
        let status = job["status"].as_str().unwrap_or("Unknown");
        all.push(Accepted {
            run: *run,
            request_id: entry["clientRequestId"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase(),
            at,
            job: id.map(str::to_owned),
            status: if id.is_some() {
                status
            } else {
                "OperationFailed"
            }
            .to_owned(),
            unfilled: id.is_some() && job["activityId"] != job["clientRequestId"],
            failed_at: match id {
                // An operation without a job has failed when it is over, a moment after it was accepted.
                None => Some(at),
                Some(_) if status == "Failed" => time(&job["endTime"]),
                Some(_) => None,
            },
            ended_at: match id {
                None => Some(at),
                Some(_) => time(&job["endTime"]),
            },
            over: in_place(properties),
        });
    }
    (all, foreign)
}

/// What an object says.
pub fn outcome(object: &Value) -> Option<Outcome> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let run = object["metadata"]["name"]
        .as_str()?
        .strip_prefix("run-")?
        .parse()
        .ok()?;
    let status = &object["status"];
    let ready = list(&status["conditions"])
        .iter()
        .find(|condition| condition["type"] == "Ready");
    let followed = status["job"]["id"].as_str().map(str::to_owned);
    let attempts = list(&status["attempts"]).iter();
    let jobs = attempts.filter_map(|attempt| attempt["jobId"].as_str().map(str::to_owned));
    Some(Outcome {
        run,
        phase: text(&status["phase"]),
        // A status that cannot be understood keeps what somebody wrote there, also `finished`.
        finished: status["finished"] == true && status["phase"] != "Blocked",
        reason: ready
            .map(|ready| text(&ready["reason"]))
            .unwrap_or_default(),
        message: text(&status["message"]),
        deleting: object["metadata"]["deletionTimestamp"].is_string(),
        claim: object["metadata"]["annotations"][super::stage::CLAIM]
            .as_str()
            .map(str::to_owned),
        jobs: jobs.chain(followed.clone()).collect(),
        followed,
    })
}

/// The reason of a run whose claim only a person can decide.
pub const TRIGGER_OUTCOME_UNKNOWN: &str = "TriggerOutcomeUnknown";

/// Reasons for which a run may stand still although nothing is wrong any more: a person decides.
pub fn waits_for_a_person(outcome: &Outcome) -> bool {
    !outcome.finished
        && [TRIGGER_OUTCOME_UNKNOWN, "StatusUnreadable"].contains(&outcome.reason.as_str())
}

/// The comparison. `was_deleted` says whether the object of a run was deleted while the soak ran.
pub fn verdict(
    accepted: &[Accepted],
    foreign: usize,
    outcomes: &[Outcome],
    was_deleted: impl Fn(usize) -> bool,
) -> Verdict {
    let mut verdict = Verdict {
        foreign,
        ..Verdict::default()
    };
    let mut by_run: BTreeMap<usize, Vec<&Accepted>> = BTreeMap::new();
    for restore in accepted {
        by_run.entry(restore.run).or_default().push(restore);
    }
    for restores in by_run.values() {
        for (offence, same_id, unfilled) in duplicates(restores) {
            // Only a new object begins at the first id again.
            let unfilled = unfilled && (!same_id || was_deleted(offence.run));
            verdict.note("DUPLICATE", offence, unfilled);
        }
    }
    for outcome in outcomes {
        *verdict.phases.entry(outcome.phase.clone()).or_default() += 1;
        let restores = by_run.get(&outcome.run).map_or(&[][..], Vec::as_slice);
        if waits_for_a_person(outcome) {
            *verdict.blocked.entry(outcome.reason.clone()).or_default() += 1;
        }
        for (offence, unfilled) in lost(outcome, restores) {
            verdict.note("LOST", offence, unfilled);
        }
        if let Some(offence) = dishonest(outcome, restores) {
            let unknown = |restore: &&&Accepted| restore.unfilled && !outcome.knows(restore);
            let unfilled = restores.iter().any(|restore| unknown(&restore));
            verdict.note("DISHONEST", offence, unfilled);
        }
        if let Some(offence) = stuck(outcome) {
            verdict.note("STUCK", offence, false);
        }
    }
    verdict
}

/// Each with whether both have one id, and whether the earlier job does not carry its id.
fn duplicates(restores: &[&Accepted]) -> Vec<(Offence, bool, bool)> {
    let mut found = Vec::new();
    for (place, later) in restores.iter().enumerate() {
        for earlier in &restores[..place] {
            let same = earlier.request_id == later.request_id;
            let over = earlier.failed_at.is_some_and(|failed| failed <= later.at);
            // An operation that failed without a job did not start: its attempt may be sent once more.
            if !over || same && earlier.job.is_some() {
                let offence = Offence {
                    run: later.run,
                    text: format!(
                        "{} ({}, {}) was accepted at {} although {} ({}, {}) was accepted at {} and had not failed",
                        name(later),
                        later.request_id,
                        later.status,
                        later.at,
                        name(earlier),
                        earlier.request_id,
                        earlier.status,
                        earlier.at,
                    ),
                };
                found.push((offence, same, earlier.unfilled));
            }
        }
    }
    found
}

/// Jobs that the object does not know, also failed ones that a later attempt has replaced: a status that was erased or set
/// back is built again from everything that the vault lists.
fn lost(outcome: &Outcome, restores: &[&Accepted]) -> Vec<(Offence, bool)> {
    let missing = restores
        .iter()
        .filter(|restore| restore.job.is_some() && !outcome.knows(restore));
    missing
        .map(|restore| {
            let offence = Offence {
                run: outcome.run,
                text: format!(
                    "{} ({}) was accepted at {} and status does not know it: {}",
                    name(restore),
                    restore.status,
                    restore.at,
                    in_words(outcome)
                ),
            };
            (offence, restore.unfilled)
        })
        .collect()
}

fn dishonest(outcome: &Outcome, restores: &[&Accepted]) -> Option<Offence> {
    let said = |text: String| {
        Some(Offence {
            run: outcome.run,
            text: format!("{text}; {}", in_words(outcome)),
        })
    };
    if !outcome.finished {
        return None;
    }
    // These ends say themselves that a job may go on.
    if ["RunTimedOut", "Abandoned"].contains(&outcome.reason.as_str()) {
        return None;
    }
    let followed = outcome.followed.as_ref().map(|job| {
        let same = |restore: &&&Accepted| {
            restore
                .job
                .as_ref()
                .is_some_and(|id| id.eq_ignore_ascii_case(job))
        };
        restores.iter().find(same).copied()
    });
    if let Some(None) = followed {
        return said("the job that it follows is none of its own".to_owned());
    }
    let alive = restores
        .iter()
        .rev()
        .find(|restore| restore.failed_at.is_none());
    let truth = alive.copied().or(restores.last().copied());
    let expected = match truth.map(|restore| restore.status.as_str()) {
        None | Some("Failed" | "OperationFailed") => "Failed",
        Some("Completed") => "Succeeded",
        Some("CompletedWithWarnings") => "PartiallySucceeded",
        Some("Cancelled") => "Cancelled",
        Some(_) => "no end",
    };
    if outcome.phase == expected {
        return None;
    }
    let truth = truth.map_or_else(
        || "Azure accepted nothing".to_owned(),
        |restore| format!("{} is {}", name(restore), restore.status),
    );
    said(format!("{truth}, so {expected} was to be expected"))
}

fn stuck(outcome: &Outcome) -> Option<Offence> {
    let rests = outcome.finished && !outcome.deleting;
    let explained = waits_for_a_person(outcome) && !outcome.message.is_empty();
    (!rests && !explained).then(|| Offence {
        run: outcome.run,
        text: in_words(outcome),
    })
}

/// An outcome in one line.
pub fn in_words(outcome: &Outcome) -> String {
    let deleting = if outcome.deleting {
        ", being deleted"
    } else {
        ""
    };
    let claim = outcome
        .claim
        .as_ref()
        .map_or_else(String::new, |claim| format!(", claim {claim}"));
    format!(
        "{} {}{deleting}{claim}: {}",
        outcome.phase, outcome.reason, outcome.message
    )
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn restore(id: &str, accepted: i64, status: &str, failed: Option<i64>) -> Accepted {
        Accepted {
            run: 1,
            request_id: id.to_owned(),
            at: minute(accepted),
            job: Some(format!("job-{accepted}")),
            status: status.to_owned(),
            unfilled: false,
            failed_at: failed.map(minute),
            ended_at: failed.map(minute),
            over: None,
        }
    }

    fn says(phase: &str, jobs: &[&str]) -> Outcome {
        let jobs: Vec<String> = jobs.iter().map(|job| (*job).to_owned()).collect();
        Outcome {
            run: 1,
            phase: phase.to_owned(),
            finished: !["Running", "Blocked"].contains(&phase),
            reason: phase.to_owned(),
            message: "m".to_owned(),
            deleting: false,
            claim: None,
            followed: jobs.last().cloned(),
            jobs,
        }
    }

    fn classes(accepted: &[Accepted], outcome: Outcome) -> Vec<&'static str> {
        let verdict = verdict(accepted, 0, &[outcome], |_| false);
        verdict.offences().map(|(class, _)| class).collect()
    }

    #[test]
    fn one_job_that_its_run_knows_is_good() {
        let accepted = [restore("a", 1, "Completed", None)];

        assert!(classes(&accepted, says("Succeeded", &["job-1"])).is_empty());
    }

    #[test]
    fn an_attempt_after_a_failed_one_is_no_duplicate_and_the_failed_one_must_be_known_too() {
        let accepted = [
            restore("a", 1, "Failed", Some(3)),
            restore("b", 4, "Completed", None),
        ];

        assert!(classes(&accepted, says("Succeeded", &["job-1", "job-4"])).is_empty());
        assert_eq!(classes(&accepted, says("Succeeded", &["job-4"])), ["LOST"]);
        assert_eq!(classes(&accepted[..1], says("Failed", &[])), ["LOST"]);
    }

    #[test]
    fn an_attempt_while_the_first_one_ran_is_a_duplicate() {
        let accepted = [
            restore("a", 1, "Failed", Some(5)),
            restore("b", 4, "Completed", None),
        ];

        assert_eq!(
            classes(&accepted, says("Succeeded", &["job-1", "job-4"])),
            ["DUPLICATE"]
        );
    }

    #[test]
    fn one_id_for_two_jobs_is_a_duplicate() {
        let accepted = [
            restore("a", 1, "Failed", Some(3)),
            restore("a", 4, "Completed", None),
        ];

        assert_eq!(
            classes(&accepted, says("Succeeded", &["job-1", "job-4"])),
            ["DUPLICATE"]
        );
    }

    #[test]
    fn a_job_that_no_status_names_is_lost_and_the_end_without_it_a_lie() {
        let accepted = [restore("a", 1, "Completed", None)];

        assert_eq!(
            classes(&accepted, says("Failed", &[])),
            ["LOST", "DISHONEST"]
        );
    }

    #[test]
    fn what_a_job_without_its_id_leads_to_is_excused_and_told() {
        let mut unfilled = restore("a", 1, "Completed", None);
        unfilled.unfilled = true;
        let accepted = [unfilled, restore("b", 4, "Completed", None)];

        let verdict = verdict(&accepted, 0, &[says("Succeeded", &["job-4"])], |_| false);

        assert!(verdict.is_good());
        let excused: Vec<&str> = verdict.excused.iter().map(|(class, _)| *class).collect();
        assert_eq!(excused, ["DUPLICATE", "LOST"]);
    }

    #[test]
    fn one_id_for_two_jobs_is_excused_only_if_the_object_is_another() {
        let mut first = restore("a", 1, "Completed", None);
        first.unfilled = true;
        let accepted = [first, restore("a", 4, "Completed", None)];

        assert_eq!(
            classes(&accepted, says("Succeeded", &["job-1", "job-4"])),
            ["DUPLICATE"]
        );
        let again = says("Succeeded", &["job-1", "job-4"]);
        assert!(verdict(&accepted, 0, &[again], |_| true).is_good());
    }

    #[test]
    fn success_of_a_job_with_warnings_is_a_lie() {
        let accepted = [restore("a", 1, "CompletedWithWarnings", None)];

        assert_eq!(
            classes(&accepted, says("Succeeded", &["job-1"])),
            ["DISHONEST"]
        );
    }

    #[test]
    fn a_run_that_neither_ends_nor_says_whom_it_waits_for_is_stuck() {
        assert_eq!(classes(&[], says("Running", &[])), ["STUCK"]);

        let mut blocked = says("Blocked", &[]);
        blocked.reason = "TriggerOutcomeUnknown".to_owned();
        assert!(classes(&[], blocked).is_empty());
    }

    #[test]
    fn a_restore_belongs_to_the_run_whose_storage_account_it_names() {
        let entry = |account: String| {
            json!({"operation": "TriggerRestore", "time": "2026-01-01T00:00:00Z", "clientRequestId": "A",
                "body": {"properties": {"storageAccountId": account, "recoveryType": "OriginalLocation", "sourceResourceId": "/VM"}},
                "caused": {"operationId": "o", "jobId": "j", "status": 202}})
        };
        let ledger =
            json!({"entries": [entry(storage_account_id(1)), entry("somebody".to_owned())]});
        let jobs = json!({"jobs": [{"operationId": "o", "jobId": "j", "status": "Failed", "endTime": "2026-01-01T00:01:00Z"}]});

        let (accepted, foreign) = accepted(&ledger, &jobs, 3);

        assert_eq!((accepted.len(), foreign), (1, 1));
        assert_eq!(accepted[0].run, 1);
        assert!(accepted[0].failed_at.is_some());
        assert_eq!(accepted[0].over.as_deref(), Some("/vm"));
    }

    #[test]
    fn a_request_of_nobody_breaks_a_promise() {
        assert!(verdict(&[], 0, &[], |_| false).is_good());
        assert!(!verdict(&[], 1, &[], |_| false).is_good());
    }

    #[test]
    fn a_run_that_timed_out_tells_no_lie_but_has_lost_a_job_that_it_does_not_name() {
        let accepted = [restore("a", 1, "InProgress", None)];
        let timed_out = |jobs: &[&str]| {
            let mut outcome = says("Failed", jobs);
            outcome.reason = "RunTimedOut".to_owned();
            outcome
        };

        assert!(classes(&accepted, timed_out(&["job-1"])).is_empty());
        assert_eq!(classes(&accepted, timed_out(&[])), ["LOST"]);
    }

    #[test]
    fn a_job_of_another_run_is_none_to_follow() {
        let accepted = [restore("a", 1, "Completed", None)];

        assert_eq!(
            classes(&accepted, says("Succeeded", &["job-1", "job-9"])),
            ["DISHONEST"]
        );
    }

    #[test]
    fn a_deletion_that_is_still_under_way_at_the_end_is_stuck() {
        let mut outcome = says("Succeeded", &[]);
        outcome.phase = "Failed".to_owned();
        outcome.deleting = true;

        assert_eq!(classes(&[], outcome), ["STUCK"]);
    }

    #[test]
    fn a_run_that_stands_still_is_excused_by_no_missing_id() {
        let mut unfilled = restore("a", 1, "Completed", None);
        unfilled.unfilled = true;

        assert_eq!(classes(&[unfilled], says("Running", &["job-1"])), ["STUCK"]);
    }
}
