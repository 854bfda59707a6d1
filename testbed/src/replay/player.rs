//! Which answer a request gets. Knows no socket and no clock: the time since the restore comes in.

use super::job_history::{JobHistory, passes};
use super::made_up::{self, text};
use super::recording::{Exchange, Key, Recording, Restore, query, segment_after};
use super::restore_body::{self, Differences};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A request of the controller.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    pub client_request_id: Option<String>,
    pub body: Option<Value>,
}

/// What it is answered. Headers name no host: the server puts its own into the two addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
}

/// What happened besides playing the recording.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Reads that were made up, by what they are.
    pub made_up: BTreeSet<&'static str>,
    /// Reads that nothing was known about: answered with 404.
    pub unknown_reads: BTreeSet<String>,
    /// Writes that the recording does not have: mistakes.
    pub unrecorded_writes: Vec<String>,
    /// The restore that was sent beside the recorded one.
    pub body: Differences,
    /// The client request id of the restore.
    pub request_id: Option<String>,
    /// Recorded answers that say that something went wrong at Azure, as often as they were played.
    pub played_errors: Vec<String>,
    pub requests: u64,
}

/// Plays one recording.
pub struct Player {
    recording: Recording,
    restore: Restore,
    /// How many recorded answers of a key have been given; the last one stays.
    given: BTreeMap<Key, usize>,
    jobs: JobHistory,
    pub report: Report,
}

impl Player {
    /// Prepares a recording that has a restore; pauses between reads of the job are cut to `longest_pause`.
    pub fn new(recording: Recording, restore: Restore, longest_pause: SignedDuration) -> Self {
        let jobs = JobHistory::of(&recording, &restore, longest_pause);
        Self {
            recording,
            restore,
            given: BTreeMap::new(),
            jobs,
            report: Report::default(),
        }
    }

    /// The restore that is played.
    pub fn restore(&self) -> &Restore {
        &self.restore
    }

    /// Whether the restore has been asked for.
    pub fn is_triggered(&self) -> bool {
        self.report.request_id.is_some()
    }

    /// The last recorded state of the job: what the run has to end with, or to arrive at.
    pub fn last_job(&self) -> Option<&Value> {
        self.jobs.last()
    }

    /// Answers a request; `since_restore` is how long ago the restore was triggered, in the recording's time.
    pub fn answer(&mut self, asked: &Asked, since_restore: SignedDuration) -> Given {
        self.report.requests += 1;
        let key = Key::of(&asked.method, &asked.target);
        if key.method != "GET" {
            return self.write(asked, &key);
        }
        let mut given = self.read(asked, key, since_restore);
        if let Some(body) = &mut given.body
            && made_up::without_expiry(body)
        {
            self.report.made_up.insert("points that do not expire");
        }
        given
    }

    fn read(&mut self, asked: &Asked, key: Key, since_restore: SignedDuration) -> Given {
        if let Some(id) = self.asked_job(&key) {
            return self.read_job(&id, since_restore);
        }
        if key.path.ends_with("/backupjobs") {
            return self.list_jobs(&asked.target, since_restore);
        }
        if key.path.ends_with("/backupprotecteditems") && !self.recorded_list_has_the_item(&key) {
            return self.make_up(
                "protected items",
                list(vec![made_up::protected_item(&self.restore)]),
            );
        }
        if let Some(given) = self.play(&key) {
            return given;
        }
        self.read_unrecorded(&key)
    }

    fn write(&mut self, asked: &Asked, key: &Key) -> Given {
        let is_validation = key.path.ends_with("/backupvalidateoperation");
        if is_validation && !self.has(key) {
            return self.make_up(
                "validation",
                json!({"validateOperationResponse": {"validationResults": []}}),
            );
        }
        let is_restore = key.method == "POST" && key.path.ends_with("/restore");
        // A restore is accepted once: each recorded one has made one job.
        let left = self.recorded(key).count() > self.given.get(key).copied().unwrap_or_default();
        if !left || (is_restore && self.is_triggered()) {
            self.report
                .unrecorded_writes
                .push(format!("{} {}", key.method, key.path));
            return error(
                400,
                "UnrecordedWrite",
                "this write is not part of the recording",
            );
        }
        if is_restore {
            let sent = asked.body.clone().unwrap_or_default();
            self.report.body = restore_body::compare(&sent, &self.restore.body);
            self.report.request_id = Some(asked.client_request_id.clone().unwrap_or_default());
        }
        self.play(key).unwrap_or_else(|| {
            error(
                400,
                "UnrecordedWrite",
                "this write is not part of the recording",
            )
        })
    }

    /// The id of a read that is about one job and not about what lies below it.
    fn asked_job(&self, key: &Key) -> Option<String> {
        let id = segment_after(&key.path, "backupjobs")?;
        key.path
            .ends_with(&format!("/backupjobs/{id}"))
            .then_some(id)
    }

    fn read_job(&mut self, id: &str, since_restore: SignedDuration) -> Given {
        if !self.is_our_job(id) || !self.is_triggered() {
            let mut others = self.jobs.others().iter();
            let other = others
                .find(|job| text(job, "name").eq_ignore_ascii_case(id))
                .cloned();
            return match other {
                Some(job) => self.make_up("jobs of others", job),
                None => self.not_found(&format!("job {id}")),
            };
        }
        if let Some(failed) = self.jobs.due_error(since_restore) {
            return self.given(&failed);
        }
        match self.jobs.at(since_restore).cloned() {
            Some(answer) => self.given(&answer),
            None => {
                let job = self.with_our_activity(made_up::job(&self.restore, id));
                self.make_up("job", job)
            }
        }
    }

    fn list_jobs(&mut self, target: &str, since_restore: SignedDuration) -> Given {
        let filter = query(target, "$filter").unwrap_or_default();
        let mut jobs = self.jobs.others().to_vec();
        if let Some(id) = self.restore.job.clone().filter(|_| self.is_triggered()) {
            let state = self
                .jobs
                .at(since_restore)
                .and_then(|answer| answer.response.body.clone());
            let job = state.unwrap_or_else(|| made_up::job(&self.restore, &id));
            jobs.insert(0, self.with_our_activity(job));
        }
        jobs.retain(|job| passes(&filter, job));
        self.make_up(
            "job lists",
            list(jobs.into_iter().map(made_up::list_entry).collect()),
        )
    }

    fn read_unrecorded(&mut self, key: &Key) -> Given {
        let path = key.path.as_str();
        let vault = self.restore.vault.id().to_lowercase();
        if path == vault {
            let body = made_up::vault(&self.restore);
            return self.make_up("vault", body);
        }
        if path.ends_with("/recoverypoints") {
            let recorded = made_up::recorded_points(&self.recording, &self.restore);
            let points = if recorded.is_empty() {
                vec![made_up::recovery_point(&self.restore)]
            } else {
                recorded
            };
            return self.make_up("list of recovery points", list(points));
        }
        if let Some(name) = segment_after(path, "recoverypoints") {
            let recorded = made_up::recorded_point(&self.recording, &self.restore, &name);
            let ours = || name.eq_ignore_ascii_case(&self.restore.recovery_point);
            let point = recorded.or_else(|| ours().then(|| made_up::recovery_point(&self.restore)));
            return match point {
                Some(point) => self.make_up("recovery point", point),
                None => self.not_found(path),
            };
        }
        let operation = self
            .restore
            .operation
            .clone()
            .unwrap_or_default()
            .to_lowercase();
        if self.is_triggered() && path.ends_with(&format!("/operation/{operation}")) {
            let body = made_up::operation(&self.restore);
            return self.make_up("operation status", body);
        }
        if self.is_triggered() && path.to_lowercase().contains("/operationresults/") {
            self.report.made_up.insert("operation result");
            return Given {
                status: 204,
                headers: Vec::new(),
                body: None,
            };
        }
        if path.ends_with("/backupresourceguardproxies") {
            return self.make_up("resource guard proxies", list(Vec::new()));
        }
        if segment_after(path, "protecteditems").is_some_and(|item| path.ends_with(&item)) {
            let body = made_up::protected_item(&self.restore);
            return self.make_up("protected item", body);
        }
        self.not_found(path)
    }

    /// A list counts only if the restored VM is in it: recordings have lists of other vaults and filters too.
    fn recorded_list_has_the_item(&self, key: &Key) -> bool {
        let source = text(&self.restore.body, "sourceResourceId");
        self.recorded(key).any(|exchange| {
            let items = exchange
                .response
                .body
                .as_ref()
                .and_then(|body| body["value"].as_array());
            items.into_iter().flatten().any(|item| {
                let properties = &item["properties"];
                [
                    text(properties, "sourceResourceId"),
                    text(properties, "virtualMachineId"),
                ]
                .iter()
                .any(|id| id.eq_ignore_ascii_case(source))
            })
        })
    }

    /// The next recorded answer of this key; the last one is given again and again.
    fn play(&mut self, key: &Key) -> Option<Given> {
        let count = self.recorded(key).count();
        let next = self
            .given
            .get(key)
            .copied()
            .unwrap_or_default()
            .min(count.checked_sub(1)?);
        let exchange = self.recorded(key).nth(next)?.clone();
        *self.given.entry(key.clone()).or_default() += 1;
        Some(self.given(&exchange))
    }

    fn recorded(&self, key: &Key) -> impl Iterator<Item = &Exchange> {
        self.recording
            .exchanges
            .iter()
            .filter(move |exchange| exchange.key() == *key)
    }

    fn has(&self, key: &Key) -> bool {
        self.recorded(key).next().is_some()
    }

    /// A recorded answer; where it shows the restore's job, with the id that this restore was sent with.
    fn given(&mut self, exchange: &Exchange) -> Given {
        let response = &exchange.response;
        if response.status >= 400 {
            let code = response
                .body
                .as_ref()
                .map(|body| text(&body["error"], "code"))
                .unwrap_or_default();
            self.report
                .played_errors
                .push(format!("{} {code}", response.status).trim_end().to_owned());
        }
        let mut headers = Vec::new();
        for name in response.headers.keys() {
            let lower = name.to_lowercase();
            // These belong to the connection and to the clock, which are not the recorded ones.
            if [
                "content-length",
                "transfer-encoding",
                "connection",
                "date",
                "x-ms-client-request-id",
            ]
            .contains(&lower.as_str())
            {
                continue;
            }
            headers.extend(
                response
                    .header_values(name)
                    .into_iter()
                    .map(|value| (lower.clone(), value)),
            );
        }
        Given {
            status: response.status,
            headers,
            body: response
                .body
                .clone()
                .map(|body| self.with_our_activity(body)),
        }
    }

    fn with_our_activity(&self, mut body: Value) -> Value {
        let is_ours = self.is_our_job(text(&body, "name"));
        if let (true, Some(id)) = (is_ours, &self.report.request_id)
            && let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut)
        {
            properties.insert("activityId".to_owned(), id.clone().into());
        }
        body
    }

    fn is_our_job(&self, name: &str) -> bool {
        self.restore
            .job
            .as_deref()
            .is_some_and(|job| job.eq_ignore_ascii_case(name))
    }

    fn make_up(&mut self, what: &'static str, body: Value) -> Given {
        self.report.made_up.insert(what);
        Given {
            status: 200,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    fn not_found(&mut self, what: &str) -> Given {
        self.report.unknown_reads.insert(what.to_owned());
        error(
            404,
            "ResourceNotFound",
            "the recording does not know this resource",
        )
    }
}

fn list(value: Vec<Value>) -> Value {
    json!({ "value": value })
}

fn error(status: u16, code: &str, message: &str) -> Given {
    Given {
        status,
        headers: Vec::new(),
        body: Some(json!({"error": {"code": code, "message": message}})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::recording::{Request, Response};

    const VAULT: &str =
        "/Subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";
    const ITEM: &str = "backupFabrics/Azure/protectionContainers/IaasVMContainer%3Biaasvmcontainerv2%3Bg%3Bvm/protectedItems/VM%3Biaasvmcontainerv2%3Bg%3Bvm";
    const MINUTE: SignedDuration = SignedDuration::from_secs(60);

    fn exchange(method: &str, path: &str, status: u16, date: &str, body: Value) -> Exchange {
        let mut headers = BTreeMap::from([("date".to_owned(), Value::from(date))]);
        if method == "POST" {
            let url = format!(
                "https://management.azure.com{VAULT}/{ITEM}/operationsStatus/op?api-version=2016-12-01"
            );
            headers.insert("azure-asyncoperation".to_owned(), url.into());
        }
        Exchange {
            request: Request {
                method: method.to_owned(),
                url: format!("https://management.azure.com{VAULT}/{path}?api-version=2016-12-01"),
                body: (method == "POST").then(|| json!({"properties": {"recoveryPointId": "1",
                    "recoveryType": "RestoreDisks", "region": "westus",
                    "sourceResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"}})),
            },
            response: Response { status, headers, body: (!body.is_null()).then_some(body) },
        }
    }

    fn job(status: &str) -> Value {
        json!({"name": "j", "properties": {"operation": "Restore", "status": status, "activityId": "recorded",
            "extendedInfo": {"tasksList": []}}})
    }

    /// A restore whose operation fails to be read once, and whose job is read twice with an error between.
    fn player() -> Player {
        let operation = json!({"name": "op", "status": "Succeeded", "properties": {"jobId": "j"}});
        let unwell = json!({"error": {"code": "InternalServerError", "message": "m"}});
        let exchanges = vec![
            exchange(
                "POST",
                &format!("{ITEM}/recoveryPoints/1/restore"),
                202,
                "Thu, 19 Oct 2017 07:00:00 GMT",
                Value::Null,
            ),
            exchange(
                "GET",
                &format!("{ITEM}/operationsStatus/op"),
                500,
                "Thu, 19 Oct 2017 07:00:01 GMT",
                unwell.clone(),
            ),
            exchange(
                "GET",
                &format!("{ITEM}/operationsStatus/op"),
                200,
                "Thu, 19 Oct 2017 07:00:02 GMT",
                operation,
            ),
            exchange(
                "GET",
                "backupJobs/j",
                200,
                "Thu, 19 Oct 2017 07:00:03 GMT",
                job("InProgress"),
            ),
            exchange(
                "GET",
                "backupJobs/j",
                500,
                "Thu, 19 Oct 2017 08:00:00 GMT",
                unwell,
            ),
            exchange(
                "GET",
                "backupJobs/j",
                200,
                "Thu, 19 Oct 2017 09:00:00 GMT",
                job("Completed"),
            ),
        ];
        let recording = Recording {
            scenario: "test".to_owned(),
            exchanges,
        };
        let restore = recording.restore().unwrap();
        Player::new(recording, restore, MINUTE)
    }

    fn ask(player: &mut Player, method: &str, path: &str, after_seconds: i64) -> Given {
        let asked = Asked {
            method: method.to_owned(),
            target: format!("{}/{path}?api-version=2024-04-01", VAULT.to_lowercase()),
            client_request_id: Some("ours".to_owned()),
            body: None,
        };
        player.answer(&asked, SignedDuration::from_secs(after_seconds))
    }

    fn trigger(player: &mut Player) -> Given {
        ask(
            player,
            "POST",
            &format!("{ITEM}/recoveryPoints/1/restore"),
            0,
        )
    }

    #[test]
    fn the_ids_of_the_restore_are_found() {
        let player = player();

        let restore = player.restore();

        assert_eq!(
            (restore.operation.as_deref(), restore.job.as_deref()),
            (Some("op"), Some("j"))
        );
        assert_eq!(restore.item, "VM;iaasvmcontainerv2;g;vm");
        assert_eq!(restore.vault.name, "v");
    }

    #[test]
    fn a_recorded_error_is_given_once_on_either_path_of_the_operation() {
        let mut player = player();
        trigger(&mut player);

        let first = ask(&mut player, "GET", "backupOperations/op", 1);
        let second = ask(
            &mut player,
            "GET",
            &format!("{ITEM}/operationsStatus/op"),
            1,
        );

        assert_eq!((first.status, second.status), (500, 200));
        assert_eq!(player.report.played_errors, ["500 InternalServerError"]);
    }

    #[test]
    fn the_job_is_listed_only_after_the_restore_and_shows_the_id_that_was_sent() {
        let mut player = player();
        let before = ask(&mut player, "GET", "backupJobs", 0);
        trigger(&mut player);

        let after = ask(&mut player, "GET", "backupJobs", 1).body.unwrap();

        assert_eq!(before.body.unwrap()["value"], json!([]));
        assert_eq!(after["value"][0]["properties"]["activityId"], "ours");
        assert!(
            after["value"][0]["properties"]
                .get("extendedInfo")
                .is_none()
        );
    }

    #[test]
    fn the_job_follows_the_time_with_pauses_cut_and_errors_in_between() {
        let mut player = player();
        trigger(&mut player);

        let early = ask(&mut player, "GET", "backupJobs/j", 5);
        let late = ask(&mut player, "GET", "backupJobs/j", 130);
        let last = ask(&mut player, "GET", "backupJobs/j", 130);

        assert_eq!(early.body.unwrap()["properties"]["status"], "InProgress");
        assert_eq!(late.status, 500);
        assert_eq!(last.body.unwrap()["properties"]["status"], "Completed");
    }

    #[test]
    fn a_second_restore_and_any_other_write_fail() {
        let mut player = player();
        let first = trigger(&mut player);

        let second = trigger(&mut player);
        let other = ask(&mut player, "POST", "backupJobs/j/cancel", 1);

        assert_eq!((first.status, second.status, other.status), (202, 400, 400));
        assert_eq!(player.report.unrecorded_writes.len(), 2);
    }

    #[test]
    fn reads_that_nobody_recorded_are_made_up_and_listed() {
        let mut player = player();

        let vault = ask(&mut player, "GET", "", 0);
        let items = ask(&mut player, "GET", "backupProtectedItems", 0);
        let point = ask(&mut player, "GET", &format!("{ITEM}/recoveryPoints/1"), 0);
        let unknown = ask(&mut player, "GET", "backupPolicies/p", 0);

        assert_eq!(vault.body.unwrap()["location"], "westus");
        assert_eq!(
            items.body.unwrap()["value"][0]["name"],
            "VM;iaasvmcontainerv2;g;vm"
        );
        assert_eq!(point.body.unwrap()["name"], "1");
        assert_eq!(unknown.status, 404);
        let made_up: Vec<&str> = player.report.made_up.iter().copied().collect();
        assert_eq!(made_up, ["protected items", "recovery point", "vault"]);
    }
}
