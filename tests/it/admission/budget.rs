//! The API server's budget for CEL.

use crate::support::installed_control_plane;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

/// The design's remaining fields fit the API server's budget for CEL, with every rule twice over and every bound
/// doubled (docs/decisions/0001-rules-in-the-schema.md has the measured room).
#[tokio::test(flavor = "multi_thread")]
async fn budget_for_rules_leaves_room_for_the_whole_design() {
    let plane = installed_control_plane().await;
    let crds: Api<CustomResourceDefinition> = Api::all(plane.client());
    let text = include_str!("../fixtures/remaining-fields.yaml");
    let remaining: Value = serde_saphyr::from_str(text).unwrap();
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };

    for crd in vmrestore::api::crds() {
        let plural = crd.spec.names.plural.clone();
        let mut full = serde_json::to_value(&crd).unwrap();
        full["metadata"]["name"] = json!(format!("{plural}.full.azurebackup.dev"));
        full["spec"]["group"] = json!("full.azurebackup.dev");
        let schema = &mut full["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        extend(schema, &remaining[&plural]);
        demand_twice_as_much(&mut schema["properties"]["spec"]);

        let answer = crds
            .create(&dry_run, &serde_json::from_value(full).unwrap())
            .await;

        assert!(answer.is_ok(), "{plural}: {answer:?}");
    }
}

/// Merges objects and appends lists.
fn extend(schema: &mut Value, more: &Value) {
    match (schema, more) {
        (Value::Object(schema), Value::Object(more)) => {
            for (key, value) in more {
                match schema.get_mut(key) {
                    Some(there) => extend(there, value),
                    None => {
                        schema.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(schema), Value::Array(more)) => schema.extend(more.iter().cloned()),
        (schema, more) => *schema = more.clone(),
    }
}

fn demand_twice_as_much(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("maxLength" | "maxItems" | "maxProperties", Value::Number(bound)) => {
                        *bound = (bound.as_u64().unwrap() * 2).into();
                    }
                    ("x-kubernetes-validations", Value::Array(rules)) => {
                        rules.extend_from_within(..)
                    }
                    (_, value) => demand_twice_as_much(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(demand_twice_as_much),
        _ => {}
    }
}
