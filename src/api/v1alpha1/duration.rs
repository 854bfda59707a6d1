//! Durations and times as users write them: `60s`, `10m`, `1h30m`; `2026-11-22T18:00:00Z`.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Rule for a date and time with a zone, between the years that the controller can read.
pub(super) const DATE_TIME: &str = "self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$') && timestamp(self) > timestamp('1970-01-01T00:00:00Z') && timestamp(self) < timestamp('9999-12-30T00:00:00Z')";

/// A duration together with the text it was written as, so that a value is stored as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DurationText {
    text: String,
    value: SignedDuration,
}

impl DurationText {
    /// How long it is.
    pub fn value(&self) -> SignedDuration {
        self.value
    }
}

/// A text that is no duration.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no duration: write for example 60s, 10m or 1h30m")]
pub struct NoDuration(String);

impl TryFrom<String> for DurationText {
    type Error = NoDuration;

    /// Reads a text of the form that the schema demands: whole numbers with `h`, `m` or `s`, without signs or spaces.
    fn try_from(text: String) -> Result<Self, NoDuration> {
        let mut value = SignedDuration::ZERO;
        let mut number = String::new();
        for c in text.chars() {
            let unit = match c {
                '0'..='9' if number.len() < 9 => {
                    number.push(c);
                    continue;
                }
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => return Err(NoDuration(text)),
            };
            let Ok(count) = number.parse::<i64>() else {
                return Err(NoDuration(text));
            };
            value = value.saturating_add(SignedDuration::from_secs(count * unit));
            number.clear();
        }
        if text.is_empty() || !number.is_empty() {
            return Err(NoDuration(text));
        }
        Ok(Self { text, value })
    }
}

impl From<DurationText> for String {
    fn from(duration: DurationText) -> Self {
        duration.text
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<SignedDuration> {
        DurationText::try_from(text.to_owned())
            .ok()
            .map(|d| d.value())
    }

    #[test]
    fn hours_minutes_and_seconds_add_up() {
        assert_eq!(read("24h"), Some(SignedDuration::from_hours(24)));
        assert_eq!(read("1h30m"), Some(SignedDuration::from_mins(90)));
        assert_eq!(read("60s"), Some(SignedDuration::from_secs(60)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "5", "m", "-5m", "1.5h", "1 h", "1d", "9999999999s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_text_is_stored_as_written() {
        let written: DurationText = serde_json::from_str("\"90m\"").unwrap();

        assert_eq!(serde_json::to_string(&written).unwrap(), "\"90m\"");
    }
}
