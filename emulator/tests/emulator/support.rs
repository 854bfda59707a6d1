//! A started emulator and a client that talks to it over a real socket.

#![allow(dead_code)] // Each test binary uses its own part.

use std::sync::Once;

use azure_backup_emulator::{Emulator, Ready, Scenario, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Version of reads; the one whose enums are names.
pub const VERSION: &str = "2024-04-01";
/// Version of the trigger.
pub const TRIGGER_VERSION: &str = "2019-05-13";
pub const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";
pub const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testVaultRG/providers/Microsoft.RecoveryServices/vaults/testVault";

pub struct Azure {
    pub emulator: Emulator,
    pub client: reqwest::Client,
    pub token: String,
    _state: TempDir,
}

/// One answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn values(&self) -> &Vec<Value> {
        self.body["value"].as_array().expect("the answer is a list")
    }
}

impl Azure {
    /// An emulator with the built-in scenario.
    pub async fn start() -> Self {
        Self::start_scaled(1).await
    }

    pub async fn start_scaled(time_scale: u32) -> Self {
        Self::start_with(Scenario::built_in().unwrap(), time_scale).await
    }

    pub async fn start_with(scenario: Scenario, time_scale: u32) -> Self {
        let state = tempfile::tempdir().unwrap();
        let emulator = Emulator::start(Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls_listen: "127.0.0.1:0".parse().unwrap(),
            state_dir: state.path().to_owned(),
            scenario,
            time_scale,
            time_origin: None,
            answers_dir: std::env::var_os("EMULATOR_ANSWERS_DIR")
                .filter(|folder| !folder.is_empty())
                .map(Into::into),
        })
        .await
        .unwrap();
        let client = client(emulator.ready());
        let mut azure = Self {
            emulator,
            client,
            token: String::new(),
            _state: state,
        };
        azure.sign_in("everything").await;
        azure
    }

    pub fn ready(&self) -> &Ready {
        self.emulator.ready()
    }

    /// Asks for a token as one of the built-in principals and uses it from now on.
    pub async fn sign_in(&mut self, name: &str) {
        let scenario = Scenario::built_in().unwrap();
        let principal = scenario
            .principals
            .iter()
            .find(|principal| principal.name == name)
            .unwrap();
        let answer = self
            .ask_token(&principal.client_id, &principal.client_secret)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.token = answer.body["access_token"].as_str().unwrap().to_owned();
    }

    pub async fn ask_token(&self, client_id: &str, secret: &str) -> Answer {
        let endpoint = self.ready().token_endpoint.clone();
        self.ask_token_for(
            &endpoint,
            client_id,
            secret,
            "https%3A%2F%2Fmanagement.azure.com%2F.default",
        )
        .await
    }

    pub async fn ask_token_for(
        &self,
        endpoint: &str,
        client_id: &str,
        secret: &str,
        scope: &str,
    ) -> Answer {
        let form = format!(
            "client_id={client_id}&client_secret={secret}&grant_type=client_credentials&scope={scope}"
        );
        let request = self
            .client
            .post(endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        read(request.send().await.unwrap()).await
    }

    /// `GET` with a version added where the address has none.
    pub async fn get(&self, path: &str) -> Answer {
        read(self.request("GET", path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        read(self.request("POST", path).json(body).send().await.unwrap()).await
    }

    /// A request to Azure with the token. `path` may also be a whole address.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let address = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.ready().http)
        };
        let address = match (address.contains("api-version="), address.contains('?')) {
            (true, _) => address,
            (false, true) => format!("{address}&api-version={VERSION}"),
            (false, false) => format!("{address}?api-version={VERSION}"),
        };
        self.client
            .request(method.parse().unwrap(), address)
            .bearer_auth(&self.token)
    }

    /// A request below `/_emulator/`.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let address = format!("{}/_emulator/{path}", self.ready().http);
        let mut request = self.client.request(method.parse().unwrap(), address);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = read(request.send().await.unwrap()).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer
    }

    pub async fn advance(&self, span: &str) {
        self.admin("PUT", "clock", json!({ "advance": span })).await;
    }

    /// Adds a VM of the group `testRG` to `testVault`; without a word about points it has one.
    pub async fn add_vm(&self, name: &'static str, mut spec: Value) -> Vm {
        spec["resourceGroup"] = "testRG".into();
        if spec["recoveryPoints"].is_null() {
            spec["recoveryPoints"] = json!([{"age": "8h"}]);
        }
        let path = format!("scenario/vaults/testVault/virtualMachines/{name}");
        self.admin("PUT", &path, spec).await;
        vm(name)
    }

    pub async fn ledger(&self) -> Vec<Value> {
        let answer = self.admin("GET", "ledger", Value::Null).await;
        answer.body["entries"].as_array().unwrap().clone()
    }

    /// Names of the usual recovery points of a VM, newest first.
    pub async fn points(&self, vm: &Vm) -> Vec<String> {
        let answer = self.get(&format!("{}/recoveryPoints", vm.item())).await;
        answer
            .values()
            .iter()
            .map(|point| point["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Triggers a restore from the newest point.
    pub async fn restore(&self, vm: &Vm, request_id: &str) -> Answer {
        let request = self.restore_request(vm, request_id).await;
        read(request.send().await.unwrap()).await
    }

    pub async fn restore_request(&self, vm: &Vm, request_id: &str) -> reqwest::RequestBuilder {
        let point = self.points(vm).await.remove(0);
        let path = format!(
            "{}/recoveryPoints/{point}/restore?api-version={TRIGGER_VERSION}",
            vm.item()
        );
        let body = json!({ "properties": vm.restore_disks(&point) });
        self.request("POST", &path)
            .header("x-ms-client-request-id", request_id)
            .json(&body)
    }

    /// Triggers a restore, lets its operation end, and returns the id of its job.
    pub async fn started_job(&self, vm: &Vm, request_id: &str) -> String {
        let accepted = self.restore(vm, request_id).await;
        self.job_of(&accepted).await
    }

    /// Lets the operation of an accepted restore end, and returns the id of its job.
    pub async fn job_of(&self, accepted: &Answer) -> String {
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        self.advance("5s").await;
        let status = self
            .get(accepted.header("azure-asyncoperation").unwrap())
            .await;
        status.body["properties"]["jobId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn job(&self, id: &str) -> Value {
        self.get(&format!("{VAULT}/backupJobs/{id}")).await.body["properties"].clone()
    }
}

/// A protected VM of `testVault`.
pub struct Vm {
    pub group: &'static str,
    pub name: &'static str,
}

pub const TEST_VM: Vm = vm("testVM");
pub const WEB_1: Vm = Vm {
    group: "web",
    name: "web-1",
};

/// A VM of the group `testRG`.
pub const fn vm(name: &'static str) -> Vm {
    Vm {
        group: "testRG",
        name,
    }
}

impl Vm {
    pub fn id(&self) -> String {
        format!(
            "{SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/{}",
            self.group, self.name
        )
    }

    pub fn item(&self) -> String {
        format!(
            "{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{0}/protectedItems/VM;{0}",
            format_args!("iaasvmcontainerv2;{};{}", self.group, self.name)
        )
    }

    pub fn restore_disks(&self, point: &str) -> Value {
        json!({
            "objectType": "IaasVMRestoreRequest", "recoveryPointId": point, "recoveryType": "RestoreDisks",
            "sourceResourceId": self.id(),
            "storageAccountId": format!("{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount"),
            "targetResourceGroupId": format!("{SUBSCRIPTION}/resourceGroups/restores"),
            "region": "westus", "createNewCloudService": false, "originalStorageAccountOption": false,
            "encryptionDetails": {"encryptionEnabled": false},
        })
    }
}

pub async fn read(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        text,
        body,
    }
}

fn client(ready: &Ready) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .expect("no other provider is installed");
    });
    let ca = reqwest::Certificate::from_pem(&std::fs::read(&ready.ca_file).unwrap()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}
