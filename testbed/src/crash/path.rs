//! The ways that a restore can take, each crashed at every boundary of its own.

use crate::restore_type::Place;
use crate::{RestoreType, TestbedError};
use axum::http;
use kube::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the person looks at the object.
const LOOK: Duration = Duration::from_millis(100);

/// Name of the `VmRestore` in every world.
const NAME: &str = "crash";

/// Name of the VM that an `AlternateLocation` makes.
const MADE: &str = "made";

/// A way that a restore takes when nobody kills the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Everything goes well.
    Happy,
    /// The first restore request is lost before it has an effect: the adoption window passes, and a second attempt follows.
    LostAnswer,
    /// The job of the first attempt fails for a passing reason, and the next attempt follows.
    FailedJob,
    /// The object is deleted while the job runs, and applied again when it is gone.
    Deletion,
    /// Everything goes well; after a crash Azure's lists show the job later than the adoption window. What writes over a VM waits
    /// for a person meanwhile; other types would restore once more.
    LateList,
    /// The first restore request is lost before it has an effect, and meanwhile somebody makes the VM that it was to make.
    MachineAppears,
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 6] = [
        Self::Happy,
        Self::LostAnswer,
        Self::FailedJob,
        Self::Deletion,
        Self::LateList,
        Self::MachineAppears,
    ];

    /// Whether restores of that type can take it.
    pub fn is_of(self, restore: RestoreType) -> bool {
        match self {
            Self::LateList => restore == RestoreType::OriginalLocation,
            Self::MachineAppears => restore == RestoreType::AlternateLocation,
            Self::Happy | Self::LostAnswer | Self::FailedJob | Self::Deletion => true,
        }
    }

    /// How long lists do not show a job that nobody knows of, from its start, in Azure's time.
    pub(super) fn listed_after(self) -> &'static str {
        match self {
            Self::LateList => "PT40M",
            // Recorded: up to 186 s. A controller that is started again finds nothing at first, and must not take that for an
            // answer.
            _ => "PT4M",
        }
    }

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::LostAnswer => "lost-answer",
            Self::FailedJob => "failed-job",
            Self::Deletion => "deletion",
            Self::LateList => "late-list",
            Self::MachineAppears => "machine-appears",
        }
    }

    /// The path of that name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|path| path.as_str() == name);
        found.ok_or_else(|| format!("there is no path {name}, only {}", names()))
    }

    /// Rules for the emulator.
    pub(super) fn faults(self) -> Vec<Value> {
        match self {
            Self::LostAnswer | Self::MachineAppears => {
                vec![json!({"match": {"operation": "TriggerRestore"}, "action": {"reset": true}})]
            }
            Self::Happy | Self::FailedJob | Self::Deletion | Self::LateList => Vec::new(),
        }
    }

    /// The VM of the built-in scenario.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::FailedJob => "transient-1",
            Self::Happy
            | Self::LostAnswer
            | Self::Deletion
            | Self::LateList
            | Self::MachineAppears => "testVM",
        }
    }
}

/// The `VmRestore` of a world, and what a person does with it.
#[derive(Clone)]
pub(super) struct Object {
    pub client: Client,
    pub namespace: String,
    pub manifest: Value,
}

impl Object {
    pub fn new(client: Client, namespace: &str, spec: Value) -> Self {
        let manifest = json!({
            "apiVersion": "azurebackup.dev/v1alpha1",
            "kind": "VmRestore",
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": spec,
        });
        Self {
            client,
            namespace: namespace.to_owned(),
            manifest,
        }
    }

    /// As it is stored; null while there is none.
    pub async fn read(&self) -> Result<Value, TestbedError> {
        let request = http::Request::get(self.path()).body(Vec::new());
        self.ask(request, "read the VmRestore", 404).await
    }

    pub async fn create(&self) -> Result<(), TestbedError> {
        let request = http::Request::post(self.collection())
            .header("content-type", "application/json")
            .body(self.manifest.to_string().into_bytes());
        self.ask(request, "create the VmRestore", 409)
            .await
            .map(drop)
    }

    async fn delete(&self) -> Result<(), TestbedError> {
        let request = http::Request::delete(self.path()).body(Vec::new());
        self.ask(request, "delete the VmRestore", 404)
            .await
            .map(drop)
    }

    fn collection(&self) -> String {
        format!(
            "/apis/azurebackup.dev/v1alpha1/namespaces/{}/vmrestores",
            self.namespace
        )
    }

    fn path(&self) -> String {
        format!("{}/{NAME}", self.collection())
    }

    /// One request, whose answer may also be this error: then it is null.
    async fn ask(
        &self,
        request: Result<http::Request<Vec<u8>>, http::Error>,
        what: &str,
        tolerated: u16,
    ) -> Result<Value, TestbedError> {
        let request = request
            .map_err(|error| TestbedError::Unreadable(format!("make a request: {error}")))?;
        match self.client.request::<Value>(request).await {
            Err(kube::Error::Api(status)) if status.code == tolerated => Ok(Value::Null),
            other => other.map_err(TestbedError::kubernetes(what)),
        }
    }

    /// Lets a person do what this path needs, whatever becomes of the controller; says whether that is done. `azure` is the
    /// emulator's plain address.
    pub fn hand_to_a_person(self, path: Path, azure: String) -> Arc<AtomicBool> {
        let has_work = [Path::Deletion, Path::MachineAppears].contains(&path);
        let done = Arc::new(AtomicBool::new(!has_work));
        if has_work {
            let done = done.clone();
            tokio::spawn(async move {
                let worked = match path {
                    Path::MachineAppears => self.machine_appears(&azure).await,
                    _ => self.is_applied_again().await,
                };
                // A person whose request fails leaves the path undone, and the run counts as not settled.
                if worked.is_ok() {
                    done.store(true, Ordering::Release);
                }
            });
        }
        done
    }

    /// Once a claim stands, the VM to make is there.
    async fn machine_appears(&self, azure: &str) -> Result<(), TestbedError> {
        while super::world::claim(&self.read().await?).is_none() {
            tokio::time::sleep(LOOK).await;
        }
        let url = format!("{azure}/_emulator/scenario/vaults/testVault/virtualMachines/{MADE}");
        let machine = json!({"name": MADE, "resourceGroup": "restores", "recoveryPoints": []});
        let what = || TestbedError::http("make the VM");
        let http = reqwest::Client::builder().no_proxy().build();
        let sent = http.map_err(what())?.put(url).json(&machine).send().await;
        sent.and_then(reqwest::Response::error_for_status)
            .map(drop)
            .map_err(what())
    }

    async fn is_applied_again(&self) -> Result<(), TestbedError> {
        loop {
            let object = self.read().await?;
            let started = object["status"]["job"]["id"].is_string();
            if started || object["status"]["finished"] == true {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.delete().await?;
        while !self.read().await?.is_null() {
            tokio::time::sleep(LOOK).await;
        }
        self.create().await
    }
}

/// The spec of a restore of that type of that VM.
pub(super) fn spec(restore: RestoreType, machine: &str, subscription: &str, vault: &str) -> Value {
    let in_group = |group: &str, rest: &str| {
        format!("/subscriptions/{subscription}/resourceGroups/{group}{rest}")
    };
    let place = Place {
        storage_account: in_group(
            "testRG",
            "/providers/Microsoft.Storage/storageAccounts/testAccount",
        ),
        resource_group: in_group("restores", ""),
        machine: in_group(
            "restores",
            &format!("/providers/Microsoft.Compute/virtualMachines/{MADE}"),
        ),
        network: in_group(
            "testRG",
            "/providers/Microsoft.Network/virtualNetworks/testNet",
        ),
    };
    let machine = format!("/providers/Microsoft.Compute/virtualMachines/{machine}");
    json!({
        "vaultRef": {"name": vault},
        "sourceVirtualMachineId": in_group("testRG", &machine),
        "recoveryType": restore.as_str(),
        "target": restore.target(&place),
        // Required of what writes over a VM.
        "startBy": "2100-01-01T00:00:00Z",
    })
}
