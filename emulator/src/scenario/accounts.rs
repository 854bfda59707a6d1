//! Storage accounts, and what a restore asks of them (CONTRACT 14).

use serde::{Deserialize, Serialize};

/// A storage account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Written", rename_all = "camelCase")]
pub struct StorageAccount {
    /// Full id.
    pub id: String,
    /// Its region; that of the first vault if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub kind: String,
    pub sku: String,
    /// Only chosen networks reach it.
    pub network_rules: bool,
}

/// As it stands in a scenario: the id alone, or more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Id(String),
    With(Fields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fields {
    id: String,
    location: Option<String>,
    kind: Option<String>,
    sku: Option<String>,
    #[serde(default)]
    network_rules: bool,
}

impl From<Written> for StorageAccount {
    fn from(written: Written) -> Self {
        let fields = match written {
            Written::With(fields) => fields,
            Written::Id(id) => Fields {
                id,
                location: None,
                kind: None,
                sku: None,
                network_rules: false,
            },
        };
        Self {
            id: fields.id,
            location: fields.location,
            kind: fields.kind.unwrap_or_else(|| "StorageV2".into()),
            sku: fields.sku.unwrap_or_else(|| "Standard_LRS".into()),
            network_rules: fields.network_rules,
        }
    }
}

impl StorageAccount {
    /// Whether a restore of a virtual machine can use an account of this type: not one for blobs alone, not one with zone
    /// redundancy, and for managed disks no premium one with network rules.
    pub fn suits(&self, managed: bool) -> bool {
        let is = |text: &str, word: &str| text.eq_ignore_ascii_case(word);
        let sku = self.sku.to_lowercase();
        let walled = self.network_rules && sku.starts_with("premium");
        let unsuited =
            is(&self.kind, "BlobStorage") || sku.ends_with("_zrs") || (managed && walled);
        !unsuited
    }
}
