//! The one principal of the soak in Azure, and what Azure does with the ids that it sends.

use super::kind;
use super::stage::Stage;
use crate::TestbedError;
use serde_json::json;

/// What the one principal in Azure is and knows.
pub struct Identity {
    pub role: &'static str,
    pub secret: String,
}

impl Stage {
    /// The client secret that is right now.
    pub fn secret(&self) -> String {
        self.identity().secret.clone()
    }

    /// Changes the one principal in Azure.
    pub async fn change_identity(
        &self,
        change: impl FnOnce(&mut Identity),
    ) -> Result<(), TestbedError> {
        let principal = {
            let mut identity = self.identity();
            change(&mut identity);
            kind::principal(identity.role, &identity.secret)
        };
        let patch = json!({ "principals": [principal] });
        self.emulator.patch_scenario(&patch).await
    }

    fn identity(&self) -> std::sync::MutexGuard<'_, Identity> {
        self.identity
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What jobs of restores that are accepted from now on show as their `activityId`.
    pub async fn show_ids(&self, which: &str) -> Result<(), TestbedError> {
        let patch = json!({"service": {"activityIds": which}});
        self.emulator.patch_scenario(&patch).await
    }
}
