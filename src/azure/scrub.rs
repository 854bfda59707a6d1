//! Keeps secrets out of everything that people and logs see. Text from Azure passes here once, before it becomes an error,
//! a fact or a log field.

use std::collections::VecDeque;
use std::sync::RwLock;

/// Longest text that is passed on, in characters; a status must stay writable whatever Azure says.
pub(super) const TEXT_LIMIT_CHARS: usize = 1024;

/// How many live secrets are remembered; old ones have long expired.
const LIVE_LIMIT: usize = 1024;

/// What stands where a secret stood.
const REMOVED: &str = "[removed]";

/// Knows the secrets that are in use, and the looks of others.
#[derive(Default)]
pub(super) struct Scrubber {
    live: RwLock<VecDeque<String>>,
}

impl Scrubber {
    /// Remembers a token or client secret, so that an echo of it is removed wherever it turns up.
    pub fn remember(&self, secret: &str) {
        if secret.len() < 8 {
            return; // shorter ones would tear holes into ordinary words
        }
        let mut live = self.live.write().unwrap_or_else(|e| e.into_inner());
        if live.iter().any(|known| known == secret) {
            return;
        }
        if live.len() == LIVE_LIMIT {
            live.pop_front();
        }
        live.push_back(secret.to_owned());
    }

    /// The text without secrets, on one line, cut to [`TEXT_LIMIT_CHARS`].
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.live.read().unwrap_or_else(|e| e.into_inner()).iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REMOVED);
            }
        }
        cut(&without_patterns(&text))
    }
}

/// Cuts at a character boundary and says so with an ellipsis.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT_CHARS) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(TEXT_LIMIT_CHARS - 1)
            .chain(std::iter::once('…'))
            .collect(),
    }
}

/// Removes what looks like a secret: JSON Web Tokens (`eyJ…`), what follows `Bearer`, values of signature and key
/// parameters, and queries of URLs.
fn without_patterns(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut after_bearer = false;
    for piece in
        text.split_inclusive(|c: char| c.is_whitespace() || c.is_control() || "\"'<>,".contains(c))
    {
        let (word, end) = match piece.char_indices().next_back() {
            Some((at, last)) if last.is_whitespace() || last.is_control() => (&piece[..at], " "),
            Some((at, last)) if "\"'<>,".contains(last) => (&piece[..at], &piece[at..]),
            _ => (piece, ""),
        };
        if after_bearer && !word.is_empty() {
            clean.push_str(REMOVED);
            after_bearer = false;
        } else {
            clean.push_str(&clean_word(word));
            after_bearer |= word.eq_ignore_ascii_case("bearer");
        }
        clean.push_str(end);
    }
    clean
}

fn clean_word(word: &str) -> String {
    const KEYS: [&str; 6] = [
        "sig=",
        "accountkey=",
        "sharedaccesskey=",
        "client_secret=",
        "client_assertion=",
        "access_token=",
    ];
    let mut word = word.to_owned();
    if let Some(scheme) = word.find("://")
        && let Some(query) = word[scheme..].find('?')
    {
        word.truncate(scheme + query);
        word.push('?');
        word.push_str(REMOVED);
    }
    // ASCII lower case keeps every byte offset.
    let lower = word.to_ascii_lowercase();
    if let Some(at) = KEYS
        .iter()
        .filter_map(|key| lower.find(key).map(|at| at + key.len()))
        .min()
    {
        word.truncate(at);
        word.push_str(REMOVED);
    }
    while let Some(at) = word.find("eyJ") {
        let rest = &word[at..];
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.=+/~".contains(c)))
            .unwrap_or(rest.len());
        word.replace_range(at..at + length, REMOVED);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_removed_and_the_rest_stays() {
        let scrubber = Scrubber::default();
        scrubber.remember("live-token-123");

        for (text, expected) in [
            ("plain text, with 'quotes'", "plain text, with 'quotes'"),
            ("it echoed live-token-123!", "it echoed [removed]!"),
            (
                "token eyJhbGciOi.eyJzdWIi.c2ln here",
                "token [removed] here",
            ),
            ("{\"t\":\"eyJhbGciOi\"}", "{\"t\":\"[removed]\"}"),
            (
                "Authorization: Bearer abc.def",
                "Authorization: Bearer [removed]",
            ),
            (
                "see https://x.blob.core.windows.net/c/b?sv=1&sig=abc now",
                "see https://x.blob.core.windows.net/c/b?[removed] now",
            ),
            ("sv=1&sig=abc%3D", "sv=1&sig=[removed]"),
            (
                "AccountName=a;AccountKey=zzz==;x",
                "AccountName=a;AccountKey=[removed]",
            ),
            ("two\r\nlines\tand tabs", "two  lines and tabs"),
            ("ümläute eyJä", "ümläute [removed]ä"),
        ] {
            assert_eq!(scrubber.clean(text), expected);
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let clean = Scrubber::default().clean(&"ä".repeat(5000));

        assert_eq!(clean.chars().count(), TEXT_LIMIT_CHARS);
        assert!(clean.ends_with('…'));
    }

    proptest::proptest! {
        #[test]
        fn a_live_secret_never_survives(before in ".{0,40}", after in ".{0,40}") {
            let scrubber = Scrubber::default();
            scrubber.remember("s3cr3t~Value.0123");

            let clean = scrubber.clean(&format!("{before}s3cr3t~Value.0123{after}"));

            proptest::prop_assert!(!clean.contains("s3cr3t~Value.0123"));
        }
    }
}
