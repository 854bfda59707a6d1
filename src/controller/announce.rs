//! Events: one for each change of what a run says, in the words of its conditions.

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::api::conditions::{Reason, Standing};

/// Longest note of an event in characters, so that it stays below the 1024 bytes that the API server takes.
const NOTE: usize = 250;

/// The reporter of all events.
pub fn recorder(client: kube::Client) -> Recorder {
    let reporter = Reporter {
        controller: "vmrestore-controller".to_owned(),
        instance: std::env::var("POD_NAME")
            .ok()
            .or_else(|| std::env::var("HOSTNAME").ok()),
    };
    Recorder::new(client, reporter)
}

/// Publishes one event. An event that cannot be written is no reason to stop.
pub async fn announce<K: Resource<DynamicType = ()>>(
    recorder: &Recorder,
    object: &K,
    reason: Reason,
    message: &str,
) {
    let type_ = match reason.standing() {
        Standing::Blocked | Standing::Bad => EventType::Warning,
        Standing::Working | Standing::Good | Standing::Milestone => EventType::Normal,
    };
    let event = Event {
        type_,
        reason: reason.as_str().to_owned(),
        note: Some(message.chars().take(NOTE).collect()),
        action: "Restore".to_owned(),
        secondary: None,
    };
    let reference = object.object_ref(&());
    let published = recorder.publish(&event, &reference);
    let published = tokio::time::timeout(super::store::CALL_TIMEOUT, published).await;
    if !matches!(published, Ok(Ok(()))) {
        tracing::warn!(reason = reason.as_str(), "event could not be written");
    }
}
