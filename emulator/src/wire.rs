//! How Azure writes errors, times and durations.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::http::Reply;

/// An error of Azure Resource Manager itself.
pub fn gateway_error(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
    .with("x-ms-failure-cause", "gateway")
}

/// An error of the backup service, with the nulls that it writes (recording s01).
pub fn service_error(status: StatusCode, code: &str, message: &str) -> Reply {
    let error = json!({"code": code, "message": message, "target": null, "details": null, "innerError": null});
    Reply::json(status, &json!({ "error": error })).with("x-ms-failure-cause", "service")
}

/// 400 `BMSUserErrorInvalidInput`.
pub fn invalid_input(what: &str) -> Reply {
    service_error(
        StatusCode::BAD_REQUEST,
        "BMSUserErrorInvalidInput",
        &format!("Input provided for the call is invalid: {what}"),
    )
}

/// 404 in Azure Resource Manager's words.
pub fn not_found(kind: &str, name: &str, group: &str) -> Reply {
    gateway_error(
        StatusCode::NOT_FOUND,
        "ResourceNotFound",
        &format!("The Resource '{kind}/{name}' under resource group '{group}' was not found."),
    )
}

/// Says when to come back: whole seconds, or real milliseconds alone where the clock runs faster than real time.
pub fn retry_after(reply: Reply, clock: &Clock, wait: SignedDuration) -> Reply {
    if clock.scale() == 1 {
        let seconds = wait.as_secs().max(1);
        reply.with("Retry-After", &seconds.to_string())
    } else {
        let millis = clock.real(wait).as_millis().max(1);
        reply.with("x-ms-retry-after-ms", &millis.to_string())
    }
}

/// `2021-10-26T04:22:37.8272396Z`: up to seven decimals, without trailing zeros.
pub fn time(at: Timestamp) -> String {
    let ticks = at.subsec_nanosecond().unsigned_abs() / 100;
    let fraction = format!("{ticks:07}");
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}Z", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `2024-04-28T07:28:38Z`: whole seconds.
pub fn time_in_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2025-05-29T08:34:15.9738890`: without a zone, meaning UTC.
pub fn time_without_zone(at: Timestamp) -> String {
    let ticks = at.subsec_nanosecond().unsigned_abs() / 100;
    format!("{}.{ticks:07}", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `10/26/2021 3:58:47 AM`, as in property bags.
pub fn us_time(at: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::UTC);
    let hour = match local.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if local.hour() < 12 { "AM" } else { "PM" };
    format!(
        "{}/{}/{} {hour}:{:02}:{:02} {half}",
        local.month(),
        local.day(),
        local.year(),
        local.minute(),
        local.second()
    )
}

/// The `Date` header.
pub fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `PT1H41M27.1466778S`.
pub fn iso_duration(span: SignedDuration) -> String {
    let (hours, minutes, seconds, ticks) = parts(span);
    let mut text = String::from("PT");
    if hours > 0 {
        text += &format!("{hours}H");
    }
    if minutes > 0 {
        text += &format!("{minutes}M");
    }
    if seconds > 0 || ticks > 0 || text == "PT" {
        let fraction = format!("{ticks:07}");
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        text += &format!("{seconds}{dot}{fraction}S");
    }
    text
}

/// `00:00:16.9616357`, as in 2017.
pub fn colon_duration(span: SignedDuration) -> String {
    let (hours, minutes, seconds, ticks) = parts(span);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{ticks:07}")
}

/// Leaves nulls out, as the service does.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn parts(span: SignedDuration) -> (i64, i64, i64, i32) {
    let seconds = span.as_secs().max(0);
    let ticks = (span.subsec_nanos() / 100).max(0);
    (seconds / 3600, seconds / 60 % 60, seconds % 60, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_recorded() {
        let span = SignedDuration::new(6087, 146_677_800);

        assert_eq!(iso_duration(span), "PT1H41M27.1466778S");
        assert_eq!(iso_duration(SignedDuration::ZERO), "PT0S");
        assert_eq!(iso_duration(SignedDuration::from_mins(2)), "PT2M");
        assert_eq!(
            colon_duration(SignedDuration::new(16, 961_635_700)),
            "00:00:16.9616357"
        );
    }

    #[test]
    fn times_are_written_as_recorded() {
        let at: Timestamp = "2021-10-26T04:22:37.8272396Z".parse().unwrap();

        assert_eq!(time(at), "2021-10-26T04:22:37.8272396Z");
        assert_eq!(us_time(at), "10/26/2021 4:22:37 AM");
        assert_eq!(http_date(at), "Tue, 26 Oct 2021 04:22:37 GMT");
        let whole: Timestamp = "2024-04-28T12:28:38Z".parse().unwrap();
        assert_eq!(time(whole), "2024-04-28T12:28:38Z");
        assert_eq!(us_time(whole), "4/28/2024 12:28:38 PM");
    }
}
