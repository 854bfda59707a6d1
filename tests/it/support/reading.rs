//! Reading objects: conditions, and the rules that hold for them whatever happened.

use serde_json::Value;

/// A field of the status by its JSON pointer, as text; empty when absent.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(&format!("/status{pointer}"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub fn phase(object: &Value) -> &str {
    text(object, "/phase")
}

pub fn message(object: &Value) -> &str {
    text(object, "/message")
}

pub fn is_finished(object: &Value) -> bool {
    object["status"]["finished"] == true
}

/// The condition of that type.
pub fn condition<'a>(object: &'a Value, about: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == about)
}

/// Reason of `Ready`; empty when there is no such condition.
pub fn reason(object: &Value) -> &str {
    condition(object, "Ready")
        .and_then(|ready| ready["reason"].as_str())
        .unwrap_or_default()
}

/// The claim annotation.
pub fn claim(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"]["vmrestore.azurebackup.dev/claim"].as_str()
}

/// `type=status` of the conditions that stand for the state of a run, in order.
pub fn states(object: &Value) -> Vec<String> {
    let of_state = ["Ready", "Reconciling", "Stalled", "Complete", "Failed"];
    let conditions = object["status"]["conditions"].as_array();
    let mut states: Vec<String> = conditions
        .into_iter()
        .flatten()
        .filter_map(|condition| Some((condition["type"].as_str()?, condition["status"].as_str()?)))
        .filter(|(about, _)| of_state.contains(about))
        .map(|(about, status)| format!("{about}={status}"))
        .collect();
    states.sort();
    states
}

/// Whether the conditions are exactly those of design 2.2 for this phase, and of this generation.
pub fn follows_the_table(object: &Value) {
    let expected: &[&str] = match phase(object) {
        "Succeeded" => &["Complete=True", "Ready=True"],
        "PartiallySucceeded" | "Failed" | "Cancelled" => {
            &["Failed=True", "Ready=False", "Stalled=True"]
        }
        "Blocked" => &["Ready=False", "Stalled=True"],
        _ => &["Ready=False", "Reconciling=True"],
    };
    let status = &object["status"];
    assert_eq!(states(object), expected, "{status:#}");
    let ended = matches!(
        phase(object),
        "Succeeded" | "PartiallySucceeded" | "Failed" | "Cancelled"
    );
    assert_eq!(is_finished(object), ended, "{status:#}");
    assert_eq!(status["completionTime"].is_string(), ended, "{status:#}");
    let generation = &object["metadata"]["generation"];
    assert_eq!(&status["observedGeneration"], generation, "{status:#}");
    for condition in status["conditions"].as_array().into_iter().flatten() {
        assert!(
            condition["reason"].as_str().is_some_and(|r| !r.is_empty()),
            "{condition}"
        );
        assert!(
            condition["observedGeneration"].is_number(),
            "{condition} has no observedGeneration"
        );
    }
}
