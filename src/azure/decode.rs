//! Reads Azure's JSON tolerantly (CONTRACT 15): enums as text or numbers, unknown values kept, three forms of time, two of
//! duration, ids of 64 bits as text, several error envelopes. Nothing here panics, whatever the input.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::scrub::Scrubber;
use crate::restore::facts::ErrorText;

/// A field of an object, by its name in any letter case; `null` is absent.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object
        .get(name)
        .or_else(|| {
            object
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, found)| found)
        })
        .filter(|found| !found.is_null())
}

/// Text, or a number or truth value as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Text of a field; empty when it is absent or of another type.
pub(super) fn text_of(value: &Value, name: &str) -> String {
    field(value, name).and_then(text).unwrap_or_default()
}

/// A value of an enum: a number counts into the names, anything else is kept as it is.
pub(super) fn enum_of(value: &Value, names: &[&str]) -> Option<String> {
    match value.as_u64().and_then(|at| usize::try_from(at).ok()) {
        Some(at) => Some(
            names
                .get(at)
                .map_or_else(|| at.to_string(), |name| (*name).to_owned()),
        ),
        None => text(value),
    }
}

/// A truth value, also as text.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An instant: RFC 3339, or without a zone, which means UTC; year 1 is how Azure writes "not yet".
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<DateTime>().ok()?;
        civil
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    })?;
    let year_1970 = Timestamp::UNIX_EPOCH;
    (instant >= year_1970).then_some(instant)
}

/// An instant in a field.
pub(super) fn time_of(value: &Value, name: &str) -> Option<Timestamp> {
    field(value, name).and_then(time)
}

/// A duration: ISO 8601 (`PT1H41M27.1466778S`) or .NET (`[days.]00:00:16.9616357`).
pub(super) fn duration(value: &Value) -> Option<SignedDuration> {
    let text = value.as_str()?.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let seconds = match text.strip_prefix(['P', 'p']) {
        Some(iso) => iso_seconds(iso)?,
        None => dotnet_seconds(text)?,
    };
    let length = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Some(if negative {
        length.checked_neg()?
    } else {
        length
    })
}

fn iso_seconds(text: &str) -> Option<f64> {
    let (mut seconds, mut number, mut in_time, mut parts) = (0.0, String::new(), false, 0);
    for c in text.chars() {
        match c.to_ascii_uppercase() {
            'T' if !in_time && number.is_empty() => in_time = true,
            '0'..='9' | '.' => number.push(c),
            unit => {
                let unit_seconds = match (unit, in_time) {
                    ('W', false) => 604_800.0,
                    ('D', false) => 86_400.0,
                    ('H', true) => 3_600.0,
                    ('M', true) => 60.0,
                    ('S', true) => 1.0,
                    _ => return None,
                };
                seconds += number.parse::<f64>().ok()? * unit_seconds;
                number.clear();
                parts += 1;
            }
        }
    }
    (number.is_empty() && parts > 0).then_some(seconds)
}

fn dotnet_seconds(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
    let fraction = seconds
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..60.0).contains(seconds))?;
    Some(whole(days)? * 86_400.0 + whole(hours)? * 3_600.0 + whole(minutes)? * 60.0 + fraction)
}

/// A percentage, rounded down into 0 to 100.
pub(super) fn percent(value: &Value) -> Option<u8> {
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    // In range after the clamp; a NaN becomes 0.
    Some(number.clamp(0.0, 100.0) as u8)
}

/// Code and message of an error body, scrubbed and cut. Understands `{"error":{"code","message"}}`, the plain
/// `{"code","message"}`, `{"ErrorCode","Message":{"Value"}}`, and anything else as text.
pub(super) fn error_text(body: &[u8], scrubber: &Scrubber) -> ErrorText {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return ErrorText {
            code: String::new(),
            message: scrubber.clean(String::from_utf8_lossy(&body[..body.len().min(4096)]).trim()),
        };
    };
    error_of(&value, scrubber)
}

/// Code and message of an error envelope or of a bare error object.
pub(super) fn error_of(value: &Value, scrubber: &Scrubber) -> ErrorText {
    let inner = field(value, "error")
        .filter(|inner| inner.is_object())
        .unwrap_or(value);
    let code = ["code", "errorCode"]
        .iter()
        .find_map(|name| field(inner, name).and_then(text))
        .unwrap_or_default();
    let message = field(inner, "message")
        .and_then(|message| text(message).or_else(|| field(message, "value").and_then(text)))
        .unwrap_or_default();
    ErrorText {
        code: scrubber.clean(&code),
        message: scrubber.clean(&message),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_come_in_three_forms() {
        for (input, expected) in [
            ("2024-04-28T07:28:38Z", Some("2024-04-28T07:28:38Z")),
            (
                "2024-04-28T07:28:38.2093068Z",
                Some("2024-04-28T07:28:38.2093068Z"),
            ),
            ("2024-04-28T09:28:38+02:00", Some("2024-04-28T07:28:38Z")),
            (
                "2025-05-29T08:34:15.9738890",
                Some("2025-05-29T08:34:15.973889Z"),
            ),
            ("0001-01-01T00:00:00", None),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
            ("10/26/2021 3:58:47 AM", None),
        ] {
            let expected = expected.map(|text| text.parse::<Timestamp>().unwrap());
            assert_eq!(time(&json!(input)), expected, "{input}");
        }
        assert_eq!(time(&json!(17)), None);
    }

    #[test]
    fn durations_come_in_two_forms() {
        for (input, expected) in [
            ("PT0S", Some(0.0)),
            ("PT1H41M27.1466778S", Some(6087.1466778)),
            ("P1DT2H", Some(93_600.0)),
            ("00:00:16.9616357", Some(16.961_635_7)),
            ("1.02:00:00", Some(93_600.0)),
            ("-PT5S", Some(-5.0)),
            ("P", None),
            ("PT", None),
            ("PT5", None),
            ("1:2", None),
            ("1:2:3:4", None),
            ("P99999999999999999999999D", None),
            ("soon", None),
        ] {
            let got = duration(&json!(input)).map(|length| length.as_secs_f64());
            match (got, expected) {
                (Some(got), Some(expected)) => {
                    assert!((got - expected).abs() < 1e-6, "{input}: {got}")
                }
                (got, expected) => assert_eq!(got, expected, "{input}"),
            }
        }
    }

    #[test]
    fn enums_come_as_text_or_numbers() {
        let names = ["Invalid", "InstantRP"];

        assert_eq!(enum_of(&json!(1), &names).unwrap(), "InstantRP");
        assert_eq!(enum_of(&json!("HardenedRP"), &names).unwrap(), "HardenedRP");
        assert_eq!(enum_of(&json!(7), &names).unwrap(), "7");
        assert_eq!(enum_of(&json!([]), &names), None);
    }

    #[test]
    fn errors_come_in_several_envelopes() {
        for (body, code, message) in [
            (
                r#"{"error":{"code":"C","message":"m","innerError":null}}"#,
                "C",
                "m",
            ),
            (r#"{"Error":{"Code":"C","Message":"m"}}"#, "C", "m"),
            (r#"{"code":"C","message":"m"}"#, "C", "m"),
            (
                r#"{"ErrorCode":"C","Message":{"Language":"en-us","Value":"m"},"Values":[]}"#,
                "C",
                "m",
            ),
            (
                r#"{"error":"invalid_client","error_description":"d"}"#,
                "",
                "",
            ),
            (r#"{"error":{"code":17}}"#, "17", ""),
            ("", "", ""),
            ("<html>bad gateway</html>", "", "<html>bad gateway</html>"),
            (
                r#"{"error":{"code":"C","mess"#,
                "",
                r#"{"error":{"code":"C","mess"#,
            ),
            ("[1]", "", ""),
        ] {
            let error = error_text(body.as_bytes(), &Scrubber::default());
            assert_eq!(
                (error.code.as_str(), error.message.as_str()),
                (code, message),
                "{body}"
            );
        }
    }

    #[test]
    fn percentages_stay_in_range() {
        for (input, expected) in [
            (json!(91.6), Some(91)),
            (json!(-3), Some(0)),
            (json!(1e300), Some(100)),
            (json!("7"), Some(7)),
            (json!({}), None),
        ] {
            assert_eq!(percent(&input), expected);
        }
    }
}
