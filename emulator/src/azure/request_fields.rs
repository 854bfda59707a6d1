//! Fields of a restore request: their types, and the forms of the ids in them.

use serde_json::Value;

use crate::http::Reply;
use crate::wire::invalid_input;

/// Last segment of an ARM id.
pub fn last_segment(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

/// A text field; absent, `null` and empty are the same.
pub fn text<'a>(request: &'a Value, field: &str) -> Result<Option<&'a str>, Reply> {
    match &request[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(invalid_input(&format!("{field} must be a string"))),
    }
}

pub fn required<'a>(request: &'a Value, field: &str) -> Result<&'a str, Reply> {
    text(request, field)?.ok_or_else(|| invalid_input(&format!("{field} is missing")))
}

/// A truth value; absent and `null` are false.
pub fn truth(request: &Value, field: &str) -> Result<bool, Reply> {
    match &request[field] {
        Value::Null => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        _ => Err(invalid_input(&format!("{field} must be true or false"))),
    }
}

/// An object; absent and `null` are none.
pub fn object<'a>(request: &'a Value, field: &str) -> Result<Option<&'a Value>, Reply> {
    match &request[field] {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(&request[field])),
        _ => Err(invalid_input(&format!("{field} must be an object"))),
    }
}

/// A list of texts; absent and `null` are the empty one.
pub fn texts(request: &Value, field: &str) -> Result<Vec<String>, Reply> {
    let refuse = || invalid_input(&format!("{field} must be a list of strings"));
    match &request[field] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(refuse))
            .collect(),
        _ => Err(refuse()),
    }
}

/// A field that holds the id of a resource of this type.
pub fn id<'a>(request: &'a Value, field: &str, kind: &str) -> Result<Option<&'a str>, Reply> {
    let Some(id) = text(request, field)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = id.split('/').collect();
    let well_formed = parts.len() == 9
        && in_a_group(&parts)
        && parts[5].eq_ignore_ascii_case("providers")
        && format!("{}/{}", parts[6], parts[7]).eq_ignore_ascii_case(kind)
        && !parts[8].is_empty();
    // The article writes ids of classic and new accounts alike; both are ids.
    let classic = parts
        .get(6)
        .is_some_and(|provider| provider.eq_ignore_ascii_case("Microsoft.ClassicStorage"));
    if well_formed || (classic && parts.len() == 9) {
        Ok(Some(id))
    } else {
        Err(invalid_input(&format!(
            "{field} is no id of a resource of type {kind}"
        )))
    }
}

/// A field that holds the id of a resource group.
pub fn resource_group<'a>(request: &'a Value, field: &str) -> Result<Option<&'a str>, Reply> {
    let Some(id) = text(request, field)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = id.split('/').collect();
    if parts.len() == 5 && in_a_group(&parts) {
        Ok(Some(id))
    } else {
        Err(invalid_input(&format!(
            "{field} is no id of a resource group"
        )))
    }
}

/// A field that holds the id of a subnet.
pub fn subnet<'a>(request: &'a Value, field: &str) -> Result<Option<&'a str>, Reply> {
    let Some(id) = text(request, field)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = id.split('/').collect();
    let well_formed = parts.len() == 11
        && in_a_group(&parts)
        && parts[7].eq_ignore_ascii_case("virtualNetworks")
        && parts[9].eq_ignore_ascii_case("subnets")
        && !parts[10].is_empty();
    if well_formed {
        Ok(Some(id))
    } else {
        Err(invalid_input(&format!("{field} is no id of a subnet")))
    }
}

fn in_a_group(parts: &[&str]) -> bool {
    parts[0].is_empty()
        && parts[1].eq_ignore_ascii_case("subscriptions")
        && parts[3].eq_ignore_ascii_case("resourceGroups")
        && !parts[2].is_empty()
        && !parts[4].is_empty()
}

/// LUNs as numbers or, from the CLI, as strings.
pub fn luns(request: &Value) -> Result<Option<Vec<i64>>, Reply> {
    let refuse = || invalid_input("restoreDiskLunList");
    match &request["restoreDiskLunList"] {
        Value::Null => Ok(None),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Number(number) => number.as_i64().ok_or_else(refuse),
                Value::String(text) => text.parse().map_err(|_| refuse()),
                _ => Err(refuse()),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(refuse()),
    }
}
