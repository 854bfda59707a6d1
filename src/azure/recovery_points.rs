//! Recovery points: all pages of a list, or one (CONTRACT 6). Key material of encrypted VMs is dropped while decoding: no
//! field that could hold it is read.

use serde_json::Value;

use super::decode::{enum_of, field, text, text_of, time_of, truth};
use super::gate::Kind;
use super::scrub::Scrubber;
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::facts::{
    ExtendedLocation, PointDetails, ProtectedItem, RecoveryPoint, Tier, VaultError,
};
use crate::restore::ids::RecoveryPointName;
use crate::restore::ports::Budget;

/// Tier types by number, as older api-versions write them.
const TIER_KINDS: [&str; 4] = ["Invalid", "InstantRP", "HardenedRP", "ArchivedRP"];

/// Tier statuses by number.
const TIER_STATUSES: [&str; 5] = ["Invalid", "Valid", "Disabled", "Deleted", "Rehydrated"];

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
    /// Every recovery point of an item; none if the item is gone.
    pub async fn points_of(&self, item: &ProtectedItem) -> Result<Vec<RecoveryPoint>, VaultError> {
        let below = [&item_path(item)[..], &["recoveryPoints"]].concat();
        let ask = ask("list_recovery_points", &below);
        let entries = self
            .pages(&ask)
            .await?
            .map(|(entries, _)| entries)
            .unwrap_or_default();
        Ok(entries
            .iter()
            .filter_map(|entry| recovery_point(entry, &self.arm.scrubber))
            .collect())
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
        recovery_point(&body, &self.arm.scrubber)
            .map(Some)
            .ok_or_else(|| verdict::unreadable("the recovery point has no name or no properties"))
    }
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
    let more = field(properties, "recoveryPointProperties").unwrap_or(&nothing);
    let tiers = field(properties, "recoveryPointTierDetails").and_then(Value::as_array);
    Some(RecoveryPoint {
        name: RecoveryPointName::new(scrubber.clean(&name)),
        object_type: scrubber.clean(&text_of(properties, "objectType")),
        time: time_of(properties, "recoveryPointTime"),
        consistency: scrubber.clean(&text_of(properties, "recoveryPointType")),
        tiers: tiers
            .into_iter()
            .flatten()
            .map(|entry| tier(entry, scrubber))
            .collect(),
        soft_deleted: field(more, "isSoftDeleted")
            .and_then(truth)
            .unwrap_or(false),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tiers_come_as_numbers_or_names_and_key_material_is_dropped() {
        let body = json!({
            "name": "20982486783671",
            "properties": {
                "objectType": "IaasVMRecoveryPoint", "recoveryPointType": "AppConsistent",
                "recoveryPointTime": "2018-06-04T06:06:00.5121087Z", "isManagedVirtualMachine": true,
                "keyAndSecret": {"bekDetails": {"secretData": "very secret"}},
                "recoveryPointTierDetails": [{"type": 1, "status": 3}, {"type": "HardenedRP", "status": "Valid"}],
                "recoveryPointProperties": {"expiryTime": "2025-05-29T08:34:15.9738890", "isSoftDeleted": false}
            }
        });

        let point = recovery_point(&body, &Scrubber::default()).unwrap();

        assert_eq!(
            point.tiers[0],
            Tier {
                kind: "InstantRP".into(),
                status: "Deleted".into()
            }
        );
        assert_eq!(
            point.tiers[1],
            Tier {
                kind: "HardenedRP".into(),
                status: "Valid".into()
            }
        );
        assert_eq!(
            point.expires.unwrap().to_string(),
            "2025-05-29T08:34:15.973889Z"
        );
        assert!(!format!("{point:?}").contains("very secret"));
        assert_eq!(point.details, PointDetails::default());
    }

    #[test]
    fn details_are_read_where_azure_says_them() {
        let mut body = json!({"name": "1", "properties": {
            "isSourceVMEncrypted": true, "isPrivateAccessEnabledOnAnyDisk": false,
            "extendedLocation": {"name": "losangeles", "type": "EdgeZone"},
            "recoveryPointDiskConfiguration": {"includedDiskList": [{"lun": -1, "name": "os"}, {"lun": 4, "name": "d"}]}
        }});
        let read = |body: &Value| recovery_point(body, &Scrubber::default()).unwrap().details;

        let details = read(&body);

        assert_eq!(details.encrypted, Some(true));
        assert_eq!(details.private_access, Some(false));
        assert_eq!(details.edge_zone.unwrap().name, "losangeles");
        assert_eq!(details.luns, Some(vec![-1, 4]));
        for list in [Value::Null, json!([{"name": "without a lun"}])] {
            body["properties"]["recoveryPointDiskConfiguration"]["includedDiskList"] = list;
            assert_eq!(read(&body).luns, None, "nothing that could be wrong");
        }
    }
}
