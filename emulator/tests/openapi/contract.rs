//! Microsoft's OpenAPI of one api-version, made into JSON schemas that say what it means.
//!
//! Two things are made explicit that JSON Schema would otherwise let pass. Inheritance (`allOf` of a definition) is
//! flattened, so that a property which no definition knows is an error. A discriminator leads to the definition that its
//! value names, and a value that names none is an error.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value, json};

/// One api-version of the contract.
pub struct Contract {
    pub version: String,
    document: Value,
    definitions: Map<String, Value>,
    /// By schema: making one takes longer than using it.
    validators: RefCell<HashMap<String, Rc<Validator>>>,
}

/// A place where an answer is not as the contract says.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    pub operation: String,
    pub version: String,
    /// Where in the body, list indices as `*`; `/status` and `/path` if those are not declared.
    pub pointer: String,
    pub what: String,
}

impl Contract {
    pub fn read(folder: &Path, version: &str) -> Self {
        let file = folder.join("openapi").join(version).join("bms.json");
        Self::read_from(&file, folder, version)
    }

    /// A version of which there is no file of Microsoft's, as listed from the metadata of Microsoft's Python SDK.
    pub fn of_sdk(folder: &Path, version: &str) -> Self {
        let file = folder.join(format!("derived/{version}.subset.json"));
        Self::read_from(&file, folder, version)
    }

    fn read_from(file: &Path, folder: &Path, version: &str) -> Self {
        let document = read_json(file);
        let common = read_json(&folder.join("openapi/common-types/v1/types.json"));
        let mut all = definitions_of(&common);
        all.extend(definitions_of(&document));
        let definitions = explicit(&all);
        Self {
            version: version.to_owned(),
            document,
            definitions,
            validators: RefCell::default(),
        }
    }

    /// The address of a path as this file writes it, if it declares one for the method and for such a status.
    pub fn address_of(&self, method: &str, path: &str, status: u16) -> Option<&str> {
        let parts = |path: &str| path.trim_matches('/').split('/').count();
        let paths = self.document["paths"].as_object().unwrap();
        let found = paths.iter().find(|(template, methods)| {
            let responses = &methods[method]["responses"];
            let fits = |(template, part): (&str, &str)| {
                template.starts_with('{') || template.eq_ignore_ascii_case(part)
            };
            let declares_status = status < 400
                || [status.to_string(), "default".to_owned()]
                    .iter()
                    .any(|name| !responses[name].is_null());
            !responses.is_null()
                && declares_status
                && parts(template) == parts(path)
                && template
                    .trim_matches('/')
                    .split('/')
                    .zip(path.trim_matches('/').split('/'))
                    .all(fits)
        });
        found.map(|(template, _)| template.trim_end_matches('/'))
    }

    /// Address, method and declaration of every operation.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths.iter().flat_map(|(template, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, declared)| {
                (template.trim_end_matches('/'), method.as_str(), declared)
            })
        })
    }

    /// Compares one answer with what is declared for it. `address` is the end of the path as the contract writes it.
    pub fn check(
        &self,
        operation: &str,
        method: &str,
        address: &str,
        status: u16,
        body: &Value,
    ) -> Vec<Finding> {
        let finding = |pointer: &str, what: String| Finding {
            operation: operation.to_owned(),
            version: self.version.clone(),
            pointer: pointer.to_owned(),
            what,
        };
        let paths = self.document["paths"].as_object().unwrap();
        let Some(declared) = paths
            .iter()
            .filter(|(path, _)| path.trim_end_matches('/').ends_with(address))
            .find_map(|(_, methods)| methods.get(method))
        else {
            return vec![finding(
                "/path",
                format!("{method} {address} is not declared"),
            )];
        };
        let responses = &declared["responses"];
        let mut response = &responses[status.to_string()];
        if response.is_null() && status >= 400 {
            response = &responses["default"];
        }
        if response.is_null() {
            return vec![finding("/status", format!("{status} is not declared"))];
        }
        if response["schema"].is_null() {
            let empty = body.is_null();
            return if empty {
                Vec::new()
            } else {
                vec![finding("", "no body is declared".into())]
            };
        }
        self.errors(&rewritten(&response["schema"]), body)
            .into_iter()
            .map(|(pointer, what)| finding(&pointer, what))
            .collect()
    }

    /// Compares a value with a definition.
    pub fn check_definition(&self, operation: &str, name: &str, value: &Value) -> Vec<Finding> {
        self.errors(&json!({"$ref": format!("#/definitions/{name}")}), value)
            .into_iter()
            .map(|(pointer, what)| Finding {
                operation: operation.to_owned(),
                version: self.version.clone(),
                pointer,
                what,
            })
            .collect()
    }

    fn errors(&self, schema: &Value, value: &Value) -> Vec<(String, String)> {
        let validator = self.validator(schema);
        let mut found = Vec::new();
        for error in validator.iter_errors(value) {
            let place = without_indices(error.instance_path().as_str());
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    found.extend(
                        unexpected
                            .iter()
                            .map(|name| (format!("{place}/{name}"), "is not declared".to_owned())),
                    );
                }
                _ => found.push((place, error.to_string())),
            }
        }
        found
    }
}

impl Contract {
    fn validator(&self, schema: &Value) -> Rc<Validator> {
        let mut made = self.validators.borrow_mut();
        let validator = made.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.as_object().unwrap().clone();
            whole.remove("description");
            let whole = json!({"allOf": [whole], "definitions": self.definitions});
            let validator = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft7)
                .with_format("duration", is_duration)
                .should_validate_formats(true)
                .should_ignore_unknown_formats(true)
                .build(&whole)
                .unwrap();
            Rc::new(validator)
        });
        Rc::clone(validator)
    }
}

pub fn read_json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn definitions_of(document: &Value) -> Map<String, Value> {
    document["definitions"].as_object().unwrap().clone()
}

/// Every definition with its ancestors' properties in it; a base with a discriminator leads on to its descendants.
fn explicit(all: &Map<String, Value>) -> Map<String, Value> {
    let mut result = Map::new();
    for (name, definition) in all {
        result.insert(format!("{name}!flat"), flat(all, definition));
        result.insert(
            name.clone(),
            json!({"$ref": format!("#/definitions/{name}!flat")}),
        );
    }
    for (name, definition) in all {
        let Some(discriminator) = definition["discriminator"].as_str() else {
            continue;
        };
        let descendants: Vec<(&str, &str)> = all
            .iter()
            .filter(|(other, _)| other.as_str() != name && descends(all, other, name))
            .map(|(other, child)| {
                (
                    child["x-ms-discriminator-value"].as_str().unwrap_or(other),
                    other.as_str(),
                )
            })
            .collect();
        let values: Vec<&str> = descendants.iter().map(|(value, _)| *value).collect();
        let branches: Vec<Value> = descendants
            .iter()
            .map(|(value, child)| {
                json!({
                    "if": {"properties": {discriminator: {"const": value}}, "required": [discriminator]},
                    "then": {"$ref": format!("#/definitions/{child}!flat")},
                })
            })
            .collect();
        let mut polymorphic = json!({
            "type": "object", "required": [discriminator], "properties": {discriminator: {"enum": values}},
        });
        if !branches.is_empty() {
            polymorphic["allOf"] = branches.into();
        }
        result.insert(name.clone(), polymorphic);
    }
    result
}

fn parents(definition: &Value) -> Vec<String> {
    let all_of = definition["allOf"].as_array();
    all_of
        .into_iter()
        .flatten()
        .filter_map(|parent| parent["$ref"].as_str())
        .map(name_of)
        .collect()
}

fn descends(all: &Map<String, Value>, name: &str, ancestor: &str) -> bool {
    parents(&all[name])
        .iter()
        .any(|parent| parent == ancestor || descends(all, parent, ancestor))
}

fn flat(all: &Map<String, Value>, definition: &Value) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    collect(all, definition, &mut properties, &mut required);
    if properties.is_empty() {
        return rewritten(definition);
    }
    let more = match &definition["additionalProperties"] {
        Value::Null => Value::Bool(false),
        other => rewritten(other),
    };
    let mut result =
        json!({"type": "object", "properties": properties, "additionalProperties": more});
    if !required.is_empty() {
        result["required"] = required.into();
    }
    result
}

fn collect(
    all: &Map<String, Value>,
    definition: &Value,
    properties: &mut Map<String, Value>,
    required: &mut Vec<Value>,
) {
    for parent in parents(definition) {
        collect(all, &all[&parent], properties, required);
    }
    for (name, property) in definition["properties"].as_object().into_iter().flatten() {
        properties.insert(name.clone(), rewritten(property));
    }
    for name in definition["required"].as_array().into_iter().flatten() {
        if !required.contains(name) {
            required.push(name.clone());
        }
    }
}

/// References of any file lead to the one list of definitions.
fn rewritten(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                return json!({"$ref": format!("#/definitions/{}", name_of(reference))});
            }
            // Notes for people and generators mean nothing to a validator, and one of them is no schema.
            let is_note = |key: &str| {
                key.starts_with("x-")
                    || matches!(
                        key,
                        "description" | "discriminator" | "readOnly" | "example"
                    )
            };
            fields
                .iter()
                .filter(|(key, _)| !is_note(key))
                .map(|(key, value)| match value {
                    // The keys in here are names of properties, whatever they are.
                    Value::Object(named) if key == "properties" => {
                        let named = named
                            .iter()
                            .map(|(name, property)| (name.clone(), rewritten(property)));
                        (key.clone(), named.collect())
                    }
                    value => (key.clone(), rewritten(value)),
                })
                .collect()
        }
        Value::Array(items) => items.iter().map(rewritten).collect(),
        other => other.clone(),
    }
}

fn name_of(reference: &str) -> String {
    reference.rsplit('/').next().unwrap().to_owned()
}

fn without_indices(pointer: &str) -> String {
    pointer
        .split('/')
        .map(|part| {
            if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
                "*"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// ISO 8601; fractions of a second are allowed, other than in JSON Schema's own format.
fn is_duration(text: &str) -> bool {
    text.starts_with('P') && text.parse::<jiff::Span>().is_ok()
}
