//! Pages of a list, and the address of the next one.

use serde_json::{Value, json};

use crate::http::{Call, Reply, address_path, query_value};
use crate::scenario::Service;
use crate::wire::invalid_input;

const BEFORE: &str = "<ContinuationToken><Version>2.0</Version><NextRowKey>";
const AFTER: &str = "</NextRowKey></ContinuationToken>";

/// An entry of a list, which is written out only if its page is asked for: a VM may have 9,999 recovery points.
pub trait Entry {
    /// What names its place in the list.
    fn key(&self) -> &str;

    /// The entry as the answer shows it.
    fn shown(self) -> Value;
}

impl Entry for (String, Value) {
    fn key(&self) -> &str {
        &self.0
    }

    fn shown(self) -> Value {
        self.1
    }
}

/// One page of `entries`.
///
/// The token names the last entry of the page and not a number: entries that come in at the front in between
/// neither repeat nor hide another one.
///
/// # Errors
/// The 400 to answer for a token that this list did not give out.
pub fn page(
    call: &Call,
    service: &Service,
    size: usize,
    entries: Vec<impl Entry>,
) -> Result<Reply, Reply> {
    let start = match call.query("$skipToken") {
        None => 0,
        Some(token) => {
            let last = token
                .strip_prefix(BEFORE)
                .and_then(|rest| rest.strip_suffix(AFTER))
                .ok_or_else(|| invalid_input("$skipToken"))?;
            let place = entries.iter().position(|entry| entry.key() == last);
            place.ok_or_else(|| invalid_input("$skipToken"))? + 1
        }
    };
    let size = size.max(1);
    let more = entries.len() > start + size;
    let shown: Vec<_> = entries.into_iter().skip(start).take(size).collect();
    let last = shown.last().map(|entry| entry.key().to_owned());
    let values: Vec<Value> = shown.into_iter().map(Entry::shown).collect();
    let mut body = json!({ "value": values });
    if let (true, Some(last)) = (more, last) {
        body["nextLink"] = next_link(call, service, &last).into();
    }
    Ok(Reply::ok(&body))
}

fn next_link(call: &Call, service: &Service, last: &str) -> String {
    let version = service
        .next_link_api_version
        .as_deref()
        .unwrap_or(call.api_version());
    let mut link = format!(
        "{}{}?api-version={}",
        call.base(),
        address_path(&call.path()),
        query_value(version)
    );
    if let Some(filter) = call.query("$filter") {
        link += &format!("&$filter={}", query_value(filter));
    }
    let token = format!("{BEFORE}{last}{AFTER}");
    link + &format!("&$skipToken={}", query_value(&token))
}
