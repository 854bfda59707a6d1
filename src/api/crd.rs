//! The CustomResourceDefinitions, generated from the types.
//!
//! The derived schema is adapted in three points: `null` is no value for any field (the API server then drops a key without a
//! value, and `has()` in a rule means what it says), integers carry only formats that Kubernetes knows, and a status starts as
//! `{observedGeneration: -1}`, so that nobody takes an unseen object for a healthy one.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::v1alpha1::{RecoveryServicesVault, VmRestore};

/// The definitions of all resources, as they are to be applied to a cluster.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        adapted(RecoveryServicesVault::crd()),
        adapted(VmRestore::crd()),
    ]
}

/// The definitions as YAML files: file name and content.
pub fn crd_yaml() -> Vec<(String, String)> {
    let file = |crd: CustomResourceDefinition| {
        let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
        let text = serde_saphyr::to_string(&crd).expect("a definition has string keys only");
        (name, text)
    };
    crds().into_iter().map(file).collect()
}

fn adapted(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        adapt(root);
        if let Some(status) = root.properties.as_mut().and_then(|p| p.get_mut("status")) {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
            keep_unknown_fields(status);
        }
    }
    crd
}

/// Removes `nullable` and formats that are Rust's, throughout.
fn adapt(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if schema
        .format
        .as_deref()
        .is_some_and(|f| f.starts_with("uint"))
    {
        schema.format = None;
    }
    for_each_child(schema, adapt);
}

/// Lets every object of the status keep fields that this definition lacks: a newer controller may have written them, and
/// an older definition that is applied again must not erase them.
fn keep_unknown_fields(schema: &mut JSONSchemaProps) {
    if schema.properties.is_some() {
        schema.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    for_each_child(schema, keep_unknown_fields);
}

fn for_each_child(schema: &mut JSONSchemaProps, visit: fn(&mut JSONSchemaProps)) {
    schema
        .properties
        .iter_mut()
        .flat_map(|p| p.values_mut())
        .for_each(visit);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        visit(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        visit(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn checked_in_files_are_what_the_types_generate() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        for (name, text) in crd_yaml() {
            let file = folder.join(&name);
            if std::env::var_os("UPDATE_CRDS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, &text).unwrap();
            }
            let stored = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                stored == text,
                "crds/{name} is not what the types generate: run `make crds`"
            );
        }
    }
}
