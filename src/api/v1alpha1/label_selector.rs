//! The schema of a Kubernetes label selector, with bounds on everything.
//!
//! Kubernetes reads an empty selector as *everything*; who means that for a vault has to say it.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Schema of a label selector; the Rust type is that of `k8s_openapi`, whose own schema has no bounds.
pub fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-validations": [{
            "rule": "(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)",
            "message": "allowedNamespaces.selector must ask for something: write matchLabels or matchExpressions; to allow every namespace write matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]"
        }],
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that a namespace must all have.",
                "maxProperties": 16,
                "additionalProperties": {"type": "string", "maxLength": 63}
            },
            "matchExpressions": {
                "type": "array",
                "description": "Requirements that a namespace must all meet.",
                "maxItems": 16,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "maxLength": 317, "description": "Label that the requirement is about."},
                        "operator": {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"], "description": "In, NotIn, Exists or DoesNotExist."},
                        "values": {
                            "type": "array",
                            "description": "Values for In and NotIn; left out otherwise.",
                            "maxItems": 32,
                            "items": {"type": "string", "maxLength": 63}
                        }
                    }
                }
            }
        }
    })
}
