//! `$filter` as Azure Backup understands it: `key eq 'value' and …`, nothing else.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::http::Reply;
use crate::wire::invalid_input;

/// A decoded `$filter`.
#[derive(Debug, Default)]
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// Reads a filter that may use the given keys.
    ///
    /// # Errors
    /// The 400 to answer if it cannot be read or has another key.
    pub fn parse(text: Option<&str>, keys: &[&str]) -> Result<Self, Reply> {
        let mut rest = text.unwrap_or_default().trim();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (key, after) = rest
                .split_once(char::is_whitespace)
                .ok_or_else(|| invalid_input("$filter"))?;
            let after =
                strip_word(after, "eq").ok_or_else(|| invalid_input("$filter knows only 'eq'"))?;
            let (value, after) =
                quoted(after).ok_or_else(|| invalid_input("$filter has a value without quotes"))?;
            if !keys.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                return Err(invalid_input(&format!("$filter has the unknown key {key}")));
            }
            found.push((key.to_lowercase(), value));
            rest = after.trim();
            if !rest.is_empty() {
                rest = strip_word(rest, "and").ok_or_else(|| invalid_input("$filter"))?;
            }
        }
        Ok(Self(found))
    }

    /// The value of a key; one that is empty counts as not there (PowerShell sends `operation eq ''`).
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known.eq_ignore_ascii_case(key) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the key is absent or has this value, without regard to case.
    pub fn allows(&self, key: &str, value: &str) -> bool {
        self.get(key)
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    }

    /// The value of a key as a time.
    ///
    /// # Errors
    /// The 400 to answer if it is none.
    pub fn time(&self, key: &str) -> Result<Option<Timestamp>, Reply> {
        self.get(key)
            .map(|value| {
                parse_time(value).ok_or_else(|| {
                    invalid_input(&format!("{key} must look like 2025-04-06 09:25:04 AM"))
                })
            })
            .transpose()
    }

    /// Refuses a value that is none of these.
    ///
    /// # Errors
    /// The 400 to answer.
    pub fn one_of(&self, key: &str, values: &[&str]) -> Result<(), Reply> {
        match self.get(key) {
            Some(value) if !values.iter().any(|known| known.eq_ignore_ascii_case(value)) => {
                Err(invalid_input(&format!("{key} cannot be '{value}'")))
            }
            _ => Ok(()),
        }
    }
}

/// Reads `yyyy-MM-dd hh:mm:ss tt` in UTC. Hour 0 is taken too: Microsoft's own sample has it.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let mut words = text.split_whitespace();
    let date: civil::Date = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i8>().ok());
    let half = words.next()?;
    if words.next().is_some() {
        return None;
    }
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if clock.next().is_some() || !(0..=12).contains(&hour) {
        return None;
    }
    let hour = match half.to_ascii_uppercase().as_str() {
        "AM" => hour % 12,
        "PM" => hour % 12 + 12,
        _ => return None,
    };
    let time = civil::Time::new(hour, minute, second, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let (first, rest) = text.split_once(char::is_whitespace)?;
    first.eq_ignore_ascii_case(word).then(|| rest.trim_start())
}

/// Reads `'value'`, where `''` is a quote; returns the value and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('\'')?;
    let mut value = String::new();
    let mut rest = inner;
    loop {
        let end = rest.find('\'')?;
        value += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_joined_by_and() {
        let text =
            "operation eq 'Restore' and startTime eq '2025-04-06 12:00:00 AM' AND jobId eq 'a''b'";

        let filter = Filter::parse(Some(text), &["operation", "startTime", "jobId"]).unwrap();

        assert_eq!(filter.get("Operation"), Some("Restore"));
        assert_eq!(filter.get("jobId"), Some("a'b"));
        assert_eq!(
            filter.time("starttime").unwrap(),
            Some("2025-04-06T00:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "a",
            "a ne 'b'",
            "a eq b",
            "a eq 'b",
            "a eq 'b' or c eq 'd'",
            "other eq 'b'",
        ] {
            assert!(Filter::parse(Some(text), &["a"]).is_err(), "{text}");
        }
    }

    #[test]
    fn twelve_hour_times_are_understood() {
        let noon: Timestamp = "2025-04-06T12:05:09Z".parse().unwrap();

        assert_eq!(parse_time("2025-04-06 12:05:09 PM"), Some(noon));
        assert!(parse_time("2025-04-06 00:05:09 AM").is_some());
        assert_eq!(parse_time("2025-04-06 13:05:09 PM"), None);
        assert_eq!(parse_time("2025-04-06T13:05:09Z"), None);
    }
}
