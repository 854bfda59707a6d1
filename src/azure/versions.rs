//! Which api-version is asked for what, and why (design 4).

use std::sync::atomic::{AtomicUsize, Ordering};

/// A part of the REST surface with a version of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Area {
    /// The vault resource, which another provider team versions.
    Vault,
    /// Protected items.
    Items,
    /// Recovery points: older versions show neither expiry nor soft deletion.
    Points,
    /// The restore POST with a body that every version knows.
    Trigger,
    /// The restore POST with a field that the article's version lacks.
    NewerTrigger,
    /// Operations.
    Operations,
    /// Jobs.
    Jobs,
    /// Jobs of another vault, which this one's overrides say nothing about.
    OtherVaults,
    /// What binds the vault to Resource Guards.
    Guards,
    /// Virtual machines, which the compute team versions.
    Compute,
    /// Storage accounts, which the storage team versions.
    Storage,
    /// Subscriptions, which Resource Manager itself versions.
    Subscriptions,
}

const AREAS: [Area; 12] = [
    Area::Vault,
    Area::Items,
    Area::Points,
    Area::Trigger,
    Area::NewerTrigger,
    Area::Operations,
    Area::Jobs,
    Area::OtherVaults,
    Area::Guards,
    Area::Compute,
    Area::Storage,
    Area::Subscriptions,
];

impl Area {
    /// Whether its paths begin with the vault's.
    pub fn is_of_the_vault(self) -> bool {
        match self {
            Self::Vault
            | Self::Items
            | Self::Points
            | Self::Trigger
            | Self::NewerTrigger
            | Self::Operations
            | Self::Jobs
            | Self::Guards => true,
            Self::OtherVaults | Self::Compute | Self::Storage | Self::Subscriptions => false,
        }
    }
}

/// The rows of the table, best first. A version that Azure refuses gives way to the next row.
fn rows(area: Area) -> &'static [&'static str] {
    match area {
        // 2016-06-01 says neither redundancy nor cross-region restore.
        Area::Vault => &["2023-02-01", "2016-06-01"],
        Area::Items | Area::Points | Area::Operations | Area::Jobs | Area::OtherVaults => {
            &["2024-04-01", "2019-05-13"]
        }
        // The article's version; then the newer ones.
        Area::Trigger => &["2019-05-13", "2024-04-01", "2026-10-01"],
        // A version that does not know a field would leave it out of account without a word, so no older row follows. 2026-10-01
        // is the default of Microsoft's Python SDK 11.2.0 and takes the same fields (CONTRACT 1).
        Area::NewerTrigger => &["2024-04-01", "2026-10-01"],
        // Of no other version is it known what it answers.
        Area::Guards => &["2024-04-01"],
        // Only whether the VM is there is asked, which every version answers.
        Area::Compute => &["2024-07-01", "2019-07-01"],
        // Only the region is asked, which every version answers.
        Area::Storage => &["2023-01-01", "2016-01-01"],
        // Only whether it belongs to the token's tenant is asked.
        Area::Subscriptions => &["2022-12-01"],
    }
}

/// Versions that a vault object sets instead of the table's. An override is the only row: what an administrator has pinned
/// does not change by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ApiVersionOverrides {
    /// For the vault resource.
    pub vault: Option<String>,
    /// For everything else in the primary region.
    pub primary: Option<String>,
}

/// On the paths that both regions share, these versions silently read the secondary region (CONTRACT 1).
const SECONDARY_REGION: [&str; 4] = ["2018-12-20", "2021-11-15", "2023-01-15", "2026-07-15"];

impl ApiVersionOverrides {
    /// Why the overrides cannot be used, for a person.
    pub(super) fn fault(&self) -> Option<String> {
        let secondary = self
            .primary
            .as_deref()
            .filter(|version| SECONDARY_REGION.contains(version))?;
        Some(format!(
            "`apiVersions.primary` {secondary} reads the secondary region's copy; set another one, such as 2024-04-01"
        ))
    }
}

/// The rows that a vault has come to.
pub(super) struct Versions {
    overrides: ApiVersionOverrides,
    at: [AtomicUsize; AREAS.len()],
}

impl Versions {
    pub fn new(overrides: ApiVersionOverrides) -> Self {
        Self {
            overrides,
            at: Default::default(),
        }
    }

    /// The version to ask for now.
    pub fn current(&self, area: Area) -> String {
        if let Some(pinned) = self.pinned(area) {
            return pinned.to_owned();
        }
        let rows = rows(area);
        let at = self
            .counter(area)
            .load(Ordering::Relaxed)
            .min(rows.len() - 1);
        rows[at].to_owned()
    }

    /// Whether another row is left after the refused version.
    pub fn has_next(&self, area: Area, refused: &str) -> bool {
        self.pinned(area).is_none() && rows(area).last().is_some_and(|last| *last != refused)
    }

    /// Goes on from the refused version, unless another call already did.
    pub fn refuse(&self, area: Area, refused: &str) {
        if self.pinned(area).is_some() {
            return;
        }
        if let Some(at) = rows(area).iter().position(|row| *row == refused) {
            self.counter(area).fetch_max(at + 1, Ordering::Relaxed);
        }
    }

    /// The version that the vault object sets.
    pub fn pinned(&self, area: Area) -> Option<&str> {
        match area {
            Area::Vault => self.overrides.vault.as_deref(),
            Area::Items
            | Area::Points
            | Area::Trigger
            | Area::NewerTrigger
            | Area::Operations
            | Area::Jobs
            | Area::Guards => self.overrides.primary.as_deref(),
            Area::OtherVaults | Area::Compute | Area::Storage | Area::Subscriptions => None,
        }
    }

    fn counter(&self, area: Area) -> &AtomicUsize {
        let index = AREAS
            .iter()
            .position(|known| *known == area)
            .unwrap_or_default();
        &self.at[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_gives_way_to_the_next_row_once() {
        let versions = Versions::new(ApiVersionOverrides::default());

        assert_eq!(versions.current(Area::Trigger), "2019-05-13");
        assert!(versions.has_next(Area::Trigger, "2019-05-13"));
        versions.refuse(Area::Trigger, "2019-05-13");
        versions.refuse(Area::Trigger, "2019-05-13");

        assert_eq!(versions.current(Area::Trigger), "2024-04-01");
        assert!(!versions.has_next(Area::Trigger, "2026-10-01"));
        assert_eq!(versions.current(Area::Points), "2024-04-01");
    }

    #[test]
    fn the_table_of_the_design_row_by_row() {
        for (area, expected) in [
            (Area::Vault, &["2023-02-01", "2016-06-01"][..]),
            (Area::Items, &["2024-04-01", "2019-05-13"]),
            (Area::Points, &["2024-04-01", "2019-05-13"]),
            (Area::Trigger, &["2019-05-13", "2024-04-01", "2026-10-01"]),
            (Area::NewerTrigger, &["2024-04-01", "2026-10-01"]),
            (Area::Operations, &["2024-04-01", "2019-05-13"]),
            (Area::Jobs, &["2024-04-01", "2019-05-13"]),
            (Area::OtherVaults, &["2024-04-01", "2019-05-13"]),
            (Area::Guards, &["2024-04-01"]),
            (Area::Compute, &["2024-07-01", "2019-07-01"]),
            (Area::Storage, &["2023-01-01", "2016-01-01"]),
            (Area::Subscriptions, &["2022-12-01"]),
        ] {
            let versions = Versions::new(ApiVersionOverrides::default());
            let mut seen = vec![versions.current(area)];
            while versions.has_next(area, seen.last().unwrap()) {
                versions.refuse(area, seen.last().unwrap());
                seen.push(versions.current(area));
            }
            assert_eq!(seen, expected, "{area:?}");
        }
    }

    #[test]
    fn the_articles_versions_all_through_are_a_pin_of_the_vault() {
        let versions = Versions::new(ApiVersionOverrides {
            vault: None,
            primary: Some("2019-05-13".to_owned()),
        });
        let of_backup = |area: &Area| area.is_of_the_vault() && *area != Area::Vault;
        for area in AREAS.into_iter().filter(of_backup) {
            assert_eq!(versions.current(area), "2019-05-13", "{area:?}");
            assert!(!versions.has_next(area, "2019-05-13"), "{area:?}");
        }
    }

    #[test]
    fn an_override_is_the_only_row() {
        let versions = Versions::new(ApiVersionOverrides {
            vault: None,
            primary: Some("2019-05-13".to_owned()),
        });

        assert_eq!(versions.current(Area::Points), "2019-05-13");
        assert!(!versions.has_next(Area::Points, "2019-05-13"));
        assert_eq!(versions.current(Area::Vault), "2023-02-01");
        assert_eq!(versions.current(Area::Compute), "2024-07-01");
    }

    #[test]
    fn no_row_reads_the_secondary_region() {
        let of_backup = |area: &Area| {
            *area == Area::OtherVaults || area.is_of_the_vault() && *area != Area::Vault
        };
        for area in AREAS.into_iter().filter(of_backup) {
            assert!(rows(area).iter().all(|row| !SECONDARY_REGION.contains(row)));
        }
        let pinned = ApiVersionOverrides {
            vault: None,
            primary: Some("2021-11-15".to_owned()),
        };
        assert!(pinned.fault().is_some());
    }
}
