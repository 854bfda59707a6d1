//! The emulator's admin side, as tests ask it. Connections are made anew: the emulator may serve tests of several runtimes.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where an emulator's admin endpoints are.
pub struct Azure {
    base: String,
}

impl Azure {
    pub fn new(http: &str) -> Self {
        Self {
            base: format!("{http}/_emulator"),
        }
    }

    pub async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = client().request(method, format!("{}/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(reqwest::Method::GET, path, None).await
    }

    /// Every restore request that reached Azure, of VMs whose path has `part`, in order.
    pub async fn posts(&self, part: &str) -> Vec<Value> {
        let ledger = self.get("ledger").await;
        let entries = ledger["entries"].as_array().cloned().unwrap_or_default();
        let of_vm = |entry: &Value| {
            entry["operation"] == "TriggerRestore"
                && entry["path"]
                    .as_str()
                    .is_some_and(|path| path.to_lowercase().contains(&part.to_lowercase()))
        };
        entries.into_iter().filter(of_vm).collect()
    }

    /// The jobs that those requests made.
    pub async fn jobs(&self, part: &str) -> Vec<String> {
        let posts = self.posts(part).await;
        let job = |post: &Value| post.pointer("/caused/jobId")?.as_str().map(str::to_owned);
        posts.iter().filter_map(job).collect()
    }

    /// How many requests of an operation were made.
    pub async fn count(&self, operation: &str) -> u64 {
        self.counts().await[operation].as_u64().unwrap_or_default()
    }

    pub async fn counts(&self) -> Value {
        self.get("requests").await["counts"].clone()
    }

    /// Changes parts of what the emulator plays.
    pub async fn patch(&self, scenario: Value) {
        self.ask(reqwest::Method::PATCH, "scenario", Some(&scenario))
            .await;
    }

    /// The api-versions of the requests of one operation.
    pub async fn api_versions(&self, operation: &str) -> BTreeSet<String> {
        let log = self.get("requests/log").await;
        let log = log["requests"].as_array().or(log.as_array());
        let of_operation = log
            .into_iter()
            .flatten()
            .filter(|line| line["operation"] == operation);
        of_operation
            .filter_map(|line| Some(line["apiVersion"].as_str()?.to_owned()))
            .collect()
    }

    /// The last requests one by one, each when it had its effect.
    pub async fn request_log(&self) -> Vec<Value> {
        let log = self.get("requests/log").await;
        log["requests"].as_array().cloned().unwrap_or_default()
    }

    /// Every token that was issued so far is worth nothing from now on.
    pub async fn revoke_tokens(&self) {
        self.ask(reqwest::Method::DELETE, "tokens", None).await;
    }

    /// Changes each tenant.
    pub async fn change_tenants(&self, change: impl Fn(&mut Value)) {
        let mut tenants = self.get("scenario").await["tenants"].clone();
        let all = tenants.as_array_mut().unwrap();
        all.iter_mut().for_each(change);
        self.patch(json!({ "tenants": tenants })).await;
    }

    /// Gives `testVault` an identity of its own.
    pub async fn give_vault_identity(&self) {
        let mut vaults = self.get("scenario").await["vaults"].clone();
        let all = vaults.as_array_mut().unwrap().iter_mut();
        for vault in all.filter(|vault| vault["name"] == "testVault") {
            vault["identity"] = json!({"systemAssigned": true});
        }
        self.patch(json!({ "vaults": vaults })).await;
    }

    /// Archived points are rehydrated within that time, whatever the priority.
    pub async fn rehydrate_within(&self, time: &str) {
        let times = json!({"standard": time, "high": time});
        self.patch(json!({"service": {"rehydration": times}})).await;
    }

    /// Adds a storage account.
    pub async fn add_storage_account(&self, account: Value) {
        let mut accounts = self.get("scenario").await["storageAccounts"].clone();
        accounts.as_array_mut().unwrap().push(account);
        self.patch(json!({ "storageAccounts": accounts })).await;
    }

    /// Adds or replaces a principal.
    pub async fn put_principal(&self, client_id: &str, principal: Value) {
        self.put(&format!("scenario/principals/{client_id}"), principal)
            .await;
    }

    pub async fn ledger(&self) -> Value {
        self.get("ledger").await
    }

    pub async fn set_faults(&self, rules: Value) {
        self.ask(
            reqwest::Method::PUT,
            "faults",
            Some(&json!({"rules": rules})),
        )
        .await;
    }

    /// One rule: the first request of that operation goes like this.
    pub async fn once(&self, operation: &str, action: Value) {
        self.set_faults(json!([{"match": {"operation": operation}, "action": action}]))
            .await;
    }

    /// How often the rules in force were applied, in total.
    pub async fn faults_applied(&self) -> u64 {
        let rules = self.get("faults").await["rules"].clone();
        let rules = rules.as_array().cloned().unwrap_or_default();
        rules
            .iter()
            .filter_map(|rule| rule["applied"].as_u64())
            .sum()
    }

    pub async fn put(&self, path: &str, body: Value) {
        self.ask(reqwest::Method::PUT, path, Some(&body)).await;
    }

    /// Adds or replaces a protected VM of `testVault`.
    pub async fn put_vm(&self, vm: Value) {
        let name = vm["name"].as_str().unwrap_or_default().to_owned();
        self.put(
            &format!("scenario/vaults/testVault/virtualMachines/{name}"),
            vm,
        )
        .await;
    }
}

impl Azure {
    /// Sends a restore request of the ledger once more, with its client request id, as a confused gateway might.
    pub async fn repeat(&self, ready: &testbed::EmulatorReady, post: &Value) {
        let client = client();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &ready.client_id),
            ("client_secret", &ready.client_secret),
            ("scope", "https://management.azure.com/.default"),
        ];
        let form = form
            .map(|(name, value)| format!("{name}={value}"))
            .join("&");
        let token = client
            .post(format!(
                "{}/{}/oauth2/v2.0/token",
                ready.http, ready.tenant_id
            ))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let token: Value = token.send().await.unwrap().json().await.unwrap();
        let word = |name: &str| post[name].as_str().unwrap();
        let again = client
            .post(format!(
                "{}{}?api-version={}",
                ready.http,
                word("path"),
                word("apiVersion")
            ))
            .bearer_auth(token["access_token"].as_str().unwrap())
            .header("x-ms-client-request-id", word("clientRequestId"))
            .json(&post["body"]);
        assert_eq!(again.send().await.unwrap().status().as_u16(), 202);
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .pool_max_idle_per_host(0)
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .unwrap()
}

/// A protected VM with one recovery point whose restores go like this, one after the other.
pub fn a_vm(name: &str, restore: Value) -> Value {
    json!({"name": name, "resourceGroup": "testRG", "recoveryPoints": [{"name": "1", "age": "8h"}], "restore": restore})
}

/// An answer of Azure Resource Manager with an error.
pub fn an_error(status: u16, code: &str) -> Value {
    json!({"status": status, "body": {"error": {"code": code, "message": format!("{code} as ordered")}}})
}
