//! An example of each body: of a request with the required members only, of an answer with all.

use serde_json::{Map, Value};

/// The members in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    Required,
    All,
}

/// Adds the examples that the handlers do not state.
pub(super) fn add(document: &mut Value) {
    let whole = document.clone();
    let paths = document["paths"].as_object_mut();
    let operations = paths.into_iter().flatten().flat_map(|(_, item)| item.as_object_mut());
    for (_, operation) in operations.flatten() {
        add_to(&whole, &mut operation["requestBody"], Members::Required);
        for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            add_to(&whole, response, Members::All);
        }
        if operation["requestBody"].is_null()
            && let Some(operation) = operation.as_object_mut()
        {
            operation.remove("requestBody");
        }
    }
}

fn add_to(document: &Value, body: &mut Value, members: Members) {
    let Some(content) = body.get_mut("content").and_then(Value::as_object_mut) else { return };
    for (_, media) in content.iter_mut().filter(|(media_type, _)| media_type.ends_with("json")) {
        if media.get("example").is_none() {
            media["example"] = sample(document, &media["schema"], members);
        }
    }
}

/// An example of `schema`: its own, or one of its parts'.
fn sample(document: &Value, schema: &Value, members: Members) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema.get("const")) {
        return example.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return target.map_or(Value::Null, |target| sample(document, target, members));
    }
    if let Some(first) = schema["enum"].as_array().and_then(|names| names.first()) {
        return first.clone();
    }
    let parts = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(part) = parts.and_then(|parts| parts.iter().find(|part| part["type"] != "null")) {
        return sample(document, part, members);
    }
    let kind = schema["type"]
        .as_array()
        .map_or(&schema["type"], |kinds| kinds.iter().find(|kind| *kind != "null").unwrap_or(&Value::Null));
    match kind.as_str() {
        Some("object") => Value::Object(object(document, schema, members)),
        Some("array") => Value::Array(vec![sample(document, &schema["items"], members)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(Value::from(1)),
        Some("boolean") => Value::Bool(true),
        _ => Value::Null,
    }
}

fn object(document: &Value, schema: &Value, members: Members) -> Map<String, Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let wanted =
        properties.filter(|(name, _)| members == Members::All || required.contains(&Value::from(name.as_str())));
    wanted.map(|(name, member)| (name.clone(), sample(document, member, members))).collect()
}
