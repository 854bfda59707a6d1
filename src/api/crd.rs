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
    use crate::api::conditions::{ConditionType, Reason};
    use std::path::Path;

    fn repository() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn reference(plural: &str) -> String {
        let file = match plural {
            "vmrestores" => "docs/reference/vmrestore.md",
            _ => "docs/reference/recoveryservicesvault.md",
        };
        std::fs::read_to_string(repository().join(file)).unwrap()
    }

    /// Paths of all fields below `schema`, such as `attempts[].number`; the standard fields of conditions are left out.
    fn fields(schema: &JSONSchemaProps, path: &str, found: &mut Vec<String>) {
        for (name, field) in schema.properties.iter().flatten() {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            if path != "conditions" {
                fields(field, &path, found);
                if let Some(JSONSchemaPropsOrArray::Schema(items)) = &field.items {
                    fields(items, &format!("{path}[]"), found);
                }
            }
            found.push(path);
        }
    }

    fn part<'a>(crd: &'a CustomResourceDefinition, name: &str) -> &'a JSONSchemaProps {
        let schema = crd.spec.versions[0].schema.as_ref().unwrap();
        &schema
            .open_api_v3_schema
            .as_ref()
            .unwrap()
            .properties
            .as_ref()
            .unwrap()[name]
    }

    #[test]
    fn checked_in_files_are_what_the_types_generate() {
        for (name, text) in crd_yaml() {
            let file = repository().join("crds").join(&name);
            if std::env::var_os("UPDATE_CRDS").is_some() {
                std::fs::write(&file, &text).unwrap();
            }
            let stored = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                stored == text,
                "crds/{name} is not what the types generate: run `make crds`"
            );
        }
    }

    #[test]
    fn every_field_is_in_the_reference() {
        for crd in crds() {
            let document = reference(&crd.spec.names.plural);
            let mut found = vec![];
            fields(part(&crd, "spec"), "", &mut found);
            fields(part(&crd, "status"), "", &mut found);

            let missing: Vec<_> = found
                .iter()
                .filter(|path| !document.contains(&format!("`{path}`")))
                .collect();

            assert!(
                missing.is_empty(),
                "{} lacks a row for {missing:?}",
                crd.spec.names.kind
            );
        }
    }

    #[test]
    fn every_reason_and_every_condition_is_in_the_reference() {
        let documents = reference("vmrestores") + &reference("recoveryservicesvaults");
        let paragraphs: Vec<&str> = documents
            .lines()
            .filter_map(|line| line.strip_prefix("#### "))
            .collect();

        let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        let missing: Vec<_> = reasons
            .iter()
            .filter(|reason| !paragraphs.contains(reason))
            .collect();
        let unknown: Vec<_> = paragraphs
            .iter()
            .filter(|paragraph| !reasons.contains(paragraph))
            .collect();

        assert!(missing.is_empty(), "no paragraph for {missing:?}");
        assert!(
            unknown.is_empty(),
            "a paragraph for a reason that does not exist: {unknown:?}"
        );
        for condition in ConditionType::ALL {
            assert!(
                documents.contains(&format!("`{}`", condition.as_str())),
                "{condition:?}"
            );
        }
    }

    #[test]
    fn every_field_is_explained_and_every_text_list_and_map_of_a_spec_is_bounded() {
        fn check(schema: &JSONSchemaProps, path: &str, is_spec: bool, wrong: &mut Vec<String>) {
            let mut complain = |what: &str| wrong.push(format!("{path}: {what}"));
            if schema.description.is_none() && !path.ends_with("[]") && !path.ends_with("{}") {
                complain("no description");
            }
            match schema.type_.as_deref() {
                Some("string")
                    if is_spec && schema.max_length.is_none() && schema.enum_.is_none() =>
                {
                    complain("no maxLength")
                }
                Some("array") if is_spec && schema.max_items.is_none() => complain("no maxItems"),
                Some("object")
                    if is_spec
                        && schema.additional_properties.is_some()
                        && schema.max_properties.is_none() =>
                {
                    complain("no maxProperties")
                }
                Some("string")
                    if !is_spec
                        && (schema.enum_.is_some()
                            || schema.pattern.is_some()
                            || schema.format.is_some()
                            || schema.max_length.is_some()) =>
                {
                    complain("more than a type")
                }
                Some("object")
                    if !is_spec
                        && schema.required.is_some()
                        && !path.starts_with("status.conditions") =>
                {
                    complain("required fields")
                }
                _ => {}
            }
            for (name, field) in schema.properties.iter().flatten() {
                check(field, &format!("{path}.{name}"), is_spec, wrong);
            }
            if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
                check(items, &format!("{path}[]"), is_spec, wrong);
            }
            if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
                check(values, &format!("{path}{{}}"), is_spec, wrong);
            }
        }
        let mut wrong = vec![];
        for crd in crds() {
            check(part(&crd, "spec"), "spec", true, &mut wrong);
            check(part(&crd, "status"), "status", false, &mut wrong);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
