//! Recovery points: all pages of a list, or one (CONTRACT 6). Key material of encrypted VMs is dropped while decoding: no
//! field that could hold it is read.

use std::collections::HashMap;

use jiff::SignedDuration;
use serde_json::Value;

use super::decode::{enum_of, field, text, text_of, time_of, truth};
use super::gate::Kind;
use super::jobs::azure_date;
use super::scrub::Scrubber;
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::choose::TakenBetween;
use crate::restore::facts::{
    ExtendedLocation, PointDetails, ProtectedItem, RecoveryPoint, RefusalKind, Tier, VaultError,
};
use crate::restore::ids::RecoveryPointName;
use crate::restore::ports::Budget;

/// Tier types by number, as older api-versions write them.
const TIER_KINDS: [&str; 4] = ["Invalid", "InstantRP", "HardenedRP", "ArchivedRP"];

/// Tier statuses by number.
const TIER_STATUSES: [&str; 5] = ["Invalid", "Valid", "Disabled", "Deleted", "Rehydrated"];

/// Azure keeps at most 9,999 points of an item (CONTRACT 14); more is no list of points, and would not fit into memory.
const MOST_POINTS: usize = 20_000;

/// There are four kinds of copies (CONTRACT 1); the status must stay writable whatever Azure says.
const MOST_TIERS: usize = 16;

/// The path of an item below its vault.
pub(super) fn item_path(item: &ProtectedItem) -> [&str; 6] {
    [
        "backupFabrics",
        "Azure",
        "protectionContainers",
        &item.container,
        "protectedItems",
        &item.name,
    ]
}

impl Session {
    /// Every recovery point of an item; none if the item is gone. With `between` Azure is asked to keep to those times.
    ///
    /// A filter that Azure refuses is left out: it only saves pages.
    pub async fn points_of(
        &self,
        item: &ProtectedItem,
        between: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        let filter = between.map(date_filter);
        match self.list_points(item, filter.as_deref()).await {
            Err(error) if filter.is_some() && error.kind == RefusalKind::BadRequest => {
                tracing::debug!(
                    error_code = error.error.code,
                    "Azure refused to filter recovery points by date"
                );
                self.list_points(item, None).await
            }
            listed => listed,
        }
    }

    async fn list_points(
        &self,
        item: &ProtectedItem,
        filter: Option<&str>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        let below = [&item_path(item)[..], &["recoveryPoints"]].concat();
        let ask = Ask {
            filter,
            ..ask("list_recovery_points", &below)
        };
        let mut points = Points::default();
        self.each_page(&ask, |entries| points.take(&entries, &self.arm.scrubber))
            .await?;
        Ok(points.known)
    }

    /// One recovery point.
    pub async fn point_of(
        &self,
        item: &ProtectedItem,
        name: &RecoveryPointName,
    ) -> Result<Option<RecoveryPoint>, VaultError> {
        let below = [&item_path(item)[..], &["recoveryPoints", name.as_str()]].concat();
        let ask = ask("get_recovery_point", &below);
        let Some(body) = self.read(&ask).await? else {
            return Ok(None);
        };
        let point = recovery_point(&body, &self.arm.scrubber).ok_or_else(|| {
            verdict::unreadable("the recovery point has no name or no properties")
        })?;
        // Its name is what is restored.
        if !point.name.as_str().eq_ignore_ascii_case(name.as_str()) {
            let what = format!("the answer is about recovery point {}", point.name);
            return Err(verdict::unreadable(&what));
        }
        Ok(Some(point))
    }
}

/// The points of the pages so far, each name once.
#[derive(Default)]
struct Points {
    known: Vec<RecoveryPoint>,
    places: HashMap<RecoveryPointName, usize>,
}

impl Points {
    /// Takes a page. Of a point that stands on two pages, because it changed in between, the later one counts.
    fn take(&mut self, entries: &[Value], scrubber: &Scrubber) -> Result<(), VaultError> {
        for point in entries
            .iter()
            .filter_map(|entry| recovery_point(entry, scrubber))
        {
            match self.places.get(&point.name) {
                Some(place) => self.known[*place] = point,
                None => {
                    self.places.insert(point.name.clone(), self.known.len());
                    self.known.push(point);
                }
            }
        }
        if self.known.len() > MOST_POINTS {
            let what = format!("the list has more than {MOST_POINTS} recovery points");
            return Err(verdict::unreadable(&what));
        }
        Ok(())
    }
}

/// Both dates, as Azure demands, rounded outwards to whole seconds.
fn date_filter(between: TakenBetween) -> String {
    let to = between
        .to
        .saturating_add(SignedDuration::from_secs(1))
        .unwrap_or(between.to);
    format!(
        "startDate eq '{}' and endDate eq '{}'",
        azure_date(between.from),
        azure_date(to)
    )
}

fn ask<'a>(operation: &'static str, below: &'a [&'a str]) -> Ask<'a> {
    Ask {
        operation,
        kind: Kind::Points,
        area: Area::Points,
        budget: Budget::Needed,
        below,
        filter: None,
        absence: Absence::OnNotFound,
    }
}

/// A point, or nothing if it has no name or no properties.
pub(super) fn recovery_point(entry: &Value, scrubber: &Scrubber) -> Option<RecoveryPoint> {
    let properties = field(entry, "properties")?;
    let name = field(entry, "name")
        .and_then(text)
        .filter(|name| !name.is_empty())
        .or_else(|| {
            let id = text_of(entry, "id");
            id.rsplit('/')
                .next()
                .filter(|last| !last.is_empty())
                .map(str::to_owned)
        })?;
    let nothing = Value::Null;
    let told = field(properties, "recoveryPointProperties");
    let more = told.unwrap_or(&nothing);
    let tiers = field(properties, "recoveryPointTierDetails").and_then(Value::as_array);
    Some(RecoveryPoint {
        name: RecoveryPointName::new(scrubber.clean(&name)),
        object_type: scrubber.clean(&text_of(properties, "objectType")),
        time: time_of(properties, "recoveryPointTime"),
        consistency: scrubber.clean(&text_of(properties, "recoveryPointType")),
        tiers: tiers
            .into_iter()
            .flatten()
            .take(MOST_TIERS)
            .map(|entry| tier(entry, scrubber))
            .collect(),
        soft_deleted: told.map(|more| {
            field(more, "isSoftDeleted")
                .and_then(truth)
                .unwrap_or(false)
        }),
        expires: time_of(more, "expiryTime"),
        managed: field(properties, "isManagedVirtualMachine").and_then(truth),
        details: PointDetails {
            encrypted: field(properties, "isSourceVMEncrypted").and_then(truth),
            private_access: field(properties, "isPrivateAccessEnabledOnAnyDisk").and_then(truth),
            edge_zone: field(properties, "extendedLocation")
                .and_then(|place| edge_zone(place, scrubber)),
            luns: field(properties, "recoveryPointDiskConfiguration").and_then(luns),
        },
    })
}

fn edge_zone(place: &Value, scrubber: &Scrubber) -> Option<ExtendedLocation> {
    let name = scrubber.clean(&text_of(place, "name"));
    let kind = scrubber.clean(&text_of(place, "type"));
    (!name.is_empty()).then(|| ExtendedLocation {
        name,
        kind: if kind.is_empty() {
            "EdgeZone".to_owned()
        } else {
            kind
        },
    })
}

/// LUNs of the disks in a point; a list of points has none.
fn luns(configuration: &Value) -> Option<Vec<i64>> {
    let disks = field(configuration, "includedDiskList")?.as_array()?;
    let lun = |disk: &Value| text_of(disk, "lun").parse().ok();
    disks.iter().map(lun).collect()
}

fn tier(entry: &Value, scrubber: &Scrubber) -> Tier {
    let read = |name: &str, names: &[&str]| {
        field(entry, name)
            .and_then(|value| enum_of(value, names))
            .map(|value| scrubber.clean(&value))
            .unwrap_or_default()
    };
    Tier {
        kind: read("type", &TIER_KINDS),
        status: read("status", &TIER_STATUSES),
    }
}
