//! The schema of a status' list of conditions: the standard Kubernetes shape, one entry per type.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Schema of `conditions`; the Rust type is that of `k8s_openapi`, whose own schema would need another of its features.
pub fn condition_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status"],
            "properties": {
                "type": {"type": "string", "description": "What the condition is about, for example Ready."},
                "status": {"type": "string", "description": "True, False or Unknown."},
                "reason": {"type": "string", "description": "One word from a closed list; the reference documentation has a paragraph for each."},
                "message": {"type": "string", "description": "What happened and what to do, for people."},
                "lastTransitionTime": {"type": "string", "description": "When status last changed."},
                "observedGeneration": {"type": "integer", "format": "int64", "description": "metadata.generation of the object that this was said about."}
            }
        }
    })
}
