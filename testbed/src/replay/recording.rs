//! A recording: exchanges in their order, and the restore among them.

use crate::TestbedError;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Versions of the API that mean the secondary region on the paths that both regions share (CONTRACT 1).
const CROSS_REGION_VERSIONS: [&str; 4] = ["2018-12-20", "2021-11-15", "2023-01-15", "2026-07-15"];

/// One file.
#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    pub scenario: String,
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub body: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Response {
    pub status: u16,
    /// A value is a string, or a list of strings where the header came more than once.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub body: Option<Value>,
}

/// Method, path and region of a request, in a form that does not depend on how a client writes them.
///
/// The vault's `backupOperations/{id}` and the item's `operationsStatus/{id}` are one (CONTRACT 3: same content).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub method: String,
    pub path: String,
    pub cross_region: bool,
}

/// The restore of a recording: what was asked, and the ids that Azure gave.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Position of the POST among the exchanges.
    pub position: usize,
    pub vault: Vault,
    /// Container and item as they stand in the request, decoded.
    pub container: String,
    pub item: String,
    pub recovery_point: String,
    /// `properties` of the request.
    pub body: Value,
    pub operation: Option<String>,
    pub job: Option<String>,
    pub at: Option<Timestamp>,
}

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    pub subscription: String,
    pub resource_group: String,
    pub name: String,
}

impl Vault {
    /// Its ARM id.
    pub fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}",
            self.subscription, self.resource_group, self.name
        )
    }
}

impl Recording {
    /// Reads one file.
    ///
    /// # Errors
    /// If it cannot be read or does not have the form of a recording.
    pub fn read(path: &Path) -> Result<Self, TestbedError> {
        let text =
            std::fs::read(path).map_err(TestbedError::io(format!("read {}", path.display())))?;
        serde_json::from_slice(&text).map_err(|error| {
            TestbedError::Unreadable(format!("{} is no recording: {error}", path.display()))
        })
    }

    /// The recordings of a folder in the order of their names; with `only`, those whose name starts with one of them.
    ///
    /// # Errors
    /// If the folder cannot be read or has none that is meant.
    pub fn files(folder: &Path, only: &[String]) -> Result<Vec<PathBuf>, TestbedError> {
        let entries = std::fs::read_dir(folder)
            .map_err(TestbedError::io(format!("read {}", folder.display())))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .filter(|path| {
                let name = path
                    .file_stem()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                only.is_empty() || only.iter().any(|wanted| name.starts_with(wanted.as_str()))
            })
            .collect();
        files.sort();
        if files.is_empty() {
            let wanted = if only.is_empty() {
                "*.json".to_owned()
            } else {
                only.join(", ")
            };
            return Err(TestbedError::Unreadable(format!(
                "{} has no recording {wanted}",
                folder.display()
            )));
        }
        Ok(files)
    }

    /// The first restore of the primary region, if there is one.
    pub fn restore(&self) -> Option<Restore> {
        self.exchanges
            .iter()
            .enumerate()
            .find_map(|(position, exchange)| self.restore_at(position, exchange))
    }

    /// Restores of any region; only the first of the primary region is played.
    pub fn restore_count(&self) -> usize {
        let is_restore = |exchange: &&Exchange| {
            let path = exchange.key().path;
            exchange.request.method == "POST"
                && (path.ends_with("/restore") || path.ends_with("/backupcrossregionrestore"))
        };
        self.exchanges.iter().filter(is_restore).count()
    }

    fn restore_at(&self, position: usize, exchange: &Exchange) -> Option<Restore> {
        if exchange.request.method != "POST" || !exchange.key().path.ends_with("/restore") {
            return None;
        }
        let path = decoded_path(&exchange.request.url);
        let body = exchange.request.body.clone().unwrap_or_default();
        // Clients of 2017 send the inner object without `properties`.
        let body = body.get("properties").cloned().unwrap_or(body);
        let operation = exchange
            .response
            .header("azure-asyncoperation")
            .or_else(|| exchange.response.header("location"))
            .and_then(|url| decoded_path(&url).rsplit('/').next().map(str::to_owned));
        let after = self.exchanges.get(position..).unwrap_or_default();
        let job = operation
            .as_deref()
            .and_then(|operation| job_of(after, operation))
            .or_else(|| first_job(after));
        Some(Restore {
            position,
            vault: Vault {
                subscription: segment_after(&path, "subscriptions")?,
                resource_group: segment_after(&path, "resourceGroups")?,
                name: segment_after(&path, "vaults")?,
            },
            container: segment_after(&path, "protectionContainers")?,
            item: segment_after(&path, "protectedItems")?,
            recovery_point: segment_after(&path, "recoveryPoints")?,
            body,
            operation,
            job,
            at: exchange.response.date(),
        })
    }

    /// How long after the restore an exchange took place, with every pause cut to `longest_pause`.
    ///
    /// Where the recorder left the dates out, half a minute is taken for each step.
    pub fn played_at(
        &self,
        restore: &Restore,
        position: usize,
        longest_pause: SignedDuration,
    ) -> SignedDuration {
        let steps = self
            .exchanges
            .get(restore.position..=position)
            .unwrap_or_default();
        steps.windows(2).fold(SignedDuration::ZERO, |sum, pair| {
            let pause = match (pair[0].response.date(), pair[1].response.date()) {
                (Some(earlier), Some(later)) => later.duration_since(earlier),
                _ => SignedDuration::from_secs(30),
            };
            sum + pause.clamp(SignedDuration::ZERO, longest_pause)
        })
    }
}

impl Exchange {
    /// What its request is matched by.
    pub fn key(&self) -> Key {
        Key::of(&self.request.method, &self.request.url)
    }
}

impl Response {
    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.header_values(name).into_iter().next()
    }

    /// All values of a header.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        match found.map(|(_, value)| value) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// When Azure answered.
    pub fn date(&self) -> Option<Timestamp> {
        Some(rfc2822::parse(&self.header("date")?).ok()?.timestamp())
    }
}

impl Key {
    /// The key of a request; `url` may be a whole URL or a path with a query.
    pub fn of(method: &str, url: &str) -> Self {
        let mut path = decoded_path(url).to_lowercase();
        if let Some(id) = segment_after(&path, "operationsstatus")
            .or_else(|| segment_after(&path, "backupoperations"))
        {
            let vault_end = path
                .find("/vaults/")
                .map_or(0, |start| start + "/vaults/".len());
            let vault = path[vault_end..].split('/').next().unwrap_or_default();
            // The operation of a job's cancel has a path of its own below the job.
            if !path.contains("/backupjobs/") {
                path = format!("{}{vault}/operation/{id}", &path[..vault_end]);
            }
        }
        let version = query(url, "api-version").unwrap_or_default();
        Self {
            method: method.to_uppercase(),
            path,
            cross_region: CROSS_REGION_VERSIONS.contains(&version.as_str()),
        }
    }
}

/// The path of a URL: without host and query, segments decoded, no doubled and no trailing slash.
pub fn decoded_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| {
        rest.find('/').map_or("", |start| &rest[start..])
    });
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    format!("/{}", segments.join("/"))
}

/// One parameter of a URL's query, decoded; its name in either encoding of `$`.
pub fn query(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
        let value = value.replace('+', " ");
        key.eq_ignore_ascii_case(name)
            .then(|| percent_decode_str(&value).decode_utf8_lossy().into_owned())
    })
}

/// The segment that follows `name` in a path, in any case.
pub fn segment_after(path: &str, name: &str) -> Option<String> {
    let mut segments = path.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case(name))?;
    segments
        .next()
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
}

/// The job that an operation's status names.
fn job_of(exchanges: &[Exchange], operation: &str) -> Option<String> {
    let suffix = format!("/operation/{}", operation.to_lowercase());
    exchanges
        .iter()
        .filter(|exchange| exchange.key().path.ends_with(&suffix))
        .find_map(|exchange| {
            let body = exchange.response.body.as_ref()?;
            body.pointer("/properties/jobId")?
                .as_str()
                .map(str::to_owned)
        })
}

/// The first job that was read by itself: what a recording without the operation leaves to go by.
fn first_job(exchanges: &[Exchange]) -> Option<String> {
    exchanges
        .iter()
        .filter(|exchange| exchange.request.method == "GET")
        .find_map(|exchange| segment_after(&decoded_path(&exchange.request.url), "backupJobs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_of_an_operation_are_one() {
        let vault = "https://h/Subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/V";
        let item = format!(
            "{vault}/backupFabrics/Azure/protectionContainers/c%3Bd/protectedItems/i/operationsStatus/OP?api-version=2016-12-01"
        );

        let of_item = Key::of("get", &item);
        let of_vault = Key::of(
            "GET",
            &format!("{vault}/backupOperations/op?api-version=2024-04-01"),
        );

        assert_eq!(of_item, of_vault);
        assert!(!of_item.cross_region);
    }

    #[test]
    fn the_version_tells_the_regions_apart() {
        let primary = Key::of("GET", "/v/recoveryPoints?api-version=2024-04-01");
        let secondary = Key::of("GET", "/v/recoveryPoints/?api-version=2018-12-20");

        assert_eq!(primary.path, secondary.path);
        assert_ne!(primary, secondary);
    }

    #[test]
    fn paths_are_decoded_segment_by_segment() {
        assert_eq!(decoded_path("https://h:1/a//b%3Bc/?x=1"), "/a/b;c");
        assert_eq!(
            query("/a?%24filter=a+eq+%27b%27", "$filter").as_deref(),
            Some("a eq 'b'")
        );
    }
}
