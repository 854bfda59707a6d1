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
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 4] = [
        Self::Happy,
        Self::LostAnswer,
        Self::FailedJob,
        Self::Deletion,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::LostAnswer => "lost-answer",
            Self::FailedJob => "failed-job",
            Self::Deletion => "deletion",
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
            Self::LostAnswer => {
                vec![json!({"match": {"operation": "TriggerRestore"}, "action": {"reset": true}})]
            }
            Self::Happy | Self::FailedJob | Self::Deletion => Vec::new(),
        }
    }

    /// The VM of the built-in scenario.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::FailedJob => "transient-1",
            Self::Happy | Self::LostAnswer | Self::Deletion => "testVM",
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

    /// Lets a person do what this path needs, whatever becomes of the controller; says whether that is done.
    pub fn hand_to_a_person(self, path: Path) -> Arc<AtomicBool> {
        let done = Arc::new(AtomicBool::new(path != Path::Deletion));
        if path == Path::Deletion {
            let done = done.clone();
            tokio::spawn(async move {
                // A person whose request fails leaves the path undone, and the run counts as not settled.
                if self.is_applied_again().await.is_ok() {
                    done.store(true, Ordering::Release);
                }
            });
        }
        done
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

/// The spec of a restore of that type along that path.
pub(super) fn spec(restore: RestoreType, path: Path, subscription: &str, vault: &str) -> Value {
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
            "/providers/Microsoft.Compute/virtualMachines/made",
        ),
        network: in_group(
            "testRG",
            "/providers/Microsoft.Network/virtualNetworks/testNet",
        ),
    };
    let machine = format!(
        "/providers/Microsoft.Compute/virtualMachines/{}",
        path.machine()
    );
    json!({
        "vaultRef": {"name": vault},
        "sourceVirtualMachineId": in_group("testRG", &machine),
        "recoveryType": restore.as_str(),
        "target": restore.target(&place),
        // Required of what writes over a VM.
        "startBy": "2100-01-01T00:00:00Z",
    })
}
