//! Makes schemas as tight as the code: closed objects, required members, alternatives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Installation, forms, refusals};

const SCHEMAS: &str = "#/components/schemas/";
const ROWS: &str = "Rows_";
const BODY: &str = "Body";

/// Adds the forms and the schema of problems, names schemas as readers do, closes objects, and states what is always
/// there.
pub(super) fn tighten(document: &mut Value, installation: &Installation) {
    let schemas = &mut document["components"]["schemas"];
    schemas[refusals::PROBLEM] = refusals::problem_schema();
    for (name, schema) in forms::all(installation) {
        schemas[name] = schema;
    }
    refer_to_rows(schemas);
    rename(document);
    visit(document, &mut |object| {
        hoist_description(object);
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
    });
    let answered = answered_schemas(document);
    let schemas = document["components"]["schemas"].as_object_mut();
    for (_, schema) in schemas.into_iter().flatten().filter(|(name, _)| answered.contains(*name)) {
        visit(schema, &mut require_nullable);
    }
}

/// Every object of `value`, the outermost first.
fn visit(value: &mut Value, act: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            act(object);
            object.values_mut().for_each(|inner| visit(inner, act));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| visit(inner, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A page holds its rows by the name of their schema; the derive copies them.
fn refer_to_rows(schemas: &mut Value) {
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if let Some(row) = name.strip_prefix(ROWS) {
            schema["properties"]["data"]["items"] = json!({ "$ref": format!("{SCHEMAS}{row}") });
            schema["properties"]["data"]["maxItems"] = json!(crate::types::limits::PAGE_MAX);
        }
    }
}

/// `UserBody` is named `User`, and a page of them `UserPage`.
fn rename(document: &mut Value) {
    let Some(Value::Object(schemas)) = document["components"].get_mut("schemas").map(Value::take) else { return };
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for name in schemas.keys() {
        let of_row = |row: &str| format!("{}Page", row.strip_suffix(BODY).unwrap_or(row));
        let short = name.strip_prefix(ROWS).map(of_row);
        let short = short.unwrap_or_else(|| name.strip_suffix(BODY).unwrap_or(name).to_owned());
        let is_free = short == *name || !schemas.contains_key(&short);
        names.insert(name.clone(), if is_free { short } else { name.clone() });
    }
    let renamed: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (names.get(&name).cloned().unwrap_or(name), schema)).collect();
    document["components"]["schemas"] = Value::Object(renamed);
    visit(document, &mut |object| {
        if let Some(Value::String(reference)) = object.get_mut("$ref")
            && let Some(name) = reference.strip_prefix(SCHEMAS).and_then(|name| names.get(name))
        {
            *reference = format!("{SCHEMAS}{name}");
        }
    });
}

/// The description of a nullable member stands beside `oneOf`, not in one of its parts.
fn hoist_description(object: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = object.get_mut("oneOf") else { return };
    let is_nullable = parts.iter().any(|part| part["type"] == "null");
    let inner = parts
        .iter_mut()
        .filter(|part| part.get("$ref").is_some())
        .find_map(|part| part.as_object_mut().and_then(|part| part.remove("description")));
    if let Some(description) = inner.filter(|_| is_nullable) {
        object.entry("description").or_insert(description);
    }
}

/// In answers a member that may be `null` is always there; one that may be missing is never `null`.
fn require_nullable(object: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = object.get("properties") else { return };
    let mut required: BTreeSet<String> =
        object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect();
    required.extend(properties.iter().filter(|(_, schema)| is_nullable(schema)).map(|(name, _)| name.clone()));
    if !required.is_empty() {
        object.insert("required".to_owned(), required.into_iter().collect());
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn is_nullable(schema: &Value) -> bool {
    let types = schema["type"].as_array().into_iter().flatten();
    let parts = schema["oneOf"].as_array().into_iter().flatten();
    types.chain(parts.map(|part| &part["type"])).any(|kind| kind == "null")
}

/// The names of the schemas that answers use.
fn answered_schemas(document: &Value) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flatten().flat_map(|(_, item)| item.as_object());
    let mut found = BTreeSet::new();
    for (_, operation) in operations.flatten() {
        reach(document, &operation["responses"], &mut found);
    }
    found.iter().filter_map(|reference| reference.strip_prefix(SCHEMAS)).map(str::to_owned).collect()
}

/// Collects the references in `value`, and those in what they refer to.
fn reach(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref")
                && found.insert(reference.clone())
                && let Some(target) = document.pointer(reference.trim_start_matches('#'))
            {
                reach(document, target, found);
            }
            object.values().for_each(|inner| reach(document, inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| reach(document, inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A body that takes one of two members becomes two alternatives; of a body that has alternatives already, the one with
/// both members does.
pub(super) fn expand_alternatives(document: &mut Value) {
    let mut wanted = Vec::new();
    visit(&mut document["paths"], &mut |operation| {
        let Some(Value::Array(either)) = operation.remove("x-either") else { return };
        let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        if let (Some(reference), [Value::String(first), Value::String(second)]) = (body, &either[..]) {
            wanted.push((reference.to_owned(), first.clone(), second.clone()));
        }
    });
    for (reference, first, second) in wanted {
        let mut reached = BTreeSet::from([reference.clone()]);
        reach(document, document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null), &mut reached);
        let has_both = |place: &&String| {
            let properties = &document.pointer(place.trim_start_matches('#')).unwrap_or(&Value::Null)["properties"];
            !properties[&first].is_null() && !properties[&second].is_null()
        };
        let Some(place) = reached.iter().find(has_both).cloned() else { continue };
        let Some(schema) = document.pointer_mut(place.trim_start_matches('#')) else { continue };
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let parts = [alternative(schema, &first, &second), alternative(schema, &second, &first)];
        *schema = json!({ "oneOf": parts });
        if let Some(description) = description {
            schema["description"] = description;
        }
    }
}

/// `schema` with the member `with`, and without the member `without`.
fn alternative(schema: &Value, with: &str, without: &str) -> Value {
    let mut schema = schema.clone();
    schema["title"] = Value::String(format!("By {with}"));
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.remove(without);
        if let Some(member) = properties.get_mut(with) {
            forbid_null(member);
        }
    }
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    if !required.contains(&Value::from(with)) {
        required.insert(0, Value::from(with));
    }
    schema["required"] = Value::Array(required);
    schema
}

fn forbid_null(member: &mut Value) {
    let parts = member["oneOf"].as_array().cloned().unwrap_or_default();
    if let Some(Value::Object(other)) = parts.into_iter().find(|part| part["type"] != "null")
        && let Some(member) = member.as_object_mut()
    {
        member.remove("oneOf");
        member.extend(other);
    }
    if let Some(types) = member["type"].as_array() {
        member["type"] = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
    }
}

/// Removes the components that no operation uses.
pub(super) fn prune(document: &mut Value) {
    let mut found = BTreeSet::new();
    reach(document, &document["paths"], &mut found);
    for kind in ["schemas", "responses", "parameters", "headers"] {
        if let Some(components) = document["components"][kind].as_object_mut() {
            components.retain(|name, _| found.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}
