//! Moves what several operations repeat to `components`: parameters, headers, refusals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Moves repeated parameters, headers and refusals.
pub(super) fn share(document: &mut Value) {
    let mut paths = document["paths"].take();
    let mut headers = Shelf::new("headers", &[]);
    for_each_operation(&mut paths, |operation| {
        for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            for (name, header) in response.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
                headers.put(&pascal(name), header);
            }
        }
    });
    let (mut some_parameters, mut some_responses) = (Vec::new(), Vec::new());
    for_each_operation(&mut paths, |operation| {
        some_parameters.extend(operation["parameters"].as_array().into_iter().flatten().cloned());
        some_responses.extend(operation["responses"].as_object().into_iter().flatten().map(|(_, one)| one.clone()));
    });
    let mut parameters = Shelf::new("parameters", &some_parameters);
    let mut responses = Shelf::new("responses", &some_responses);
    for_each_operation(&mut paths, |operation| {
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = pascal(parameter["name"].as_str().unwrap_or_default());
            parameters.put(&name, parameter);
        }
        let refusals = operation["responses"].as_object_mut().into_iter().flatten();
        for (status, response) in refusals.filter(|(status, _)| status.starts_with(['4', '5'])) {
            let code = response["content"]["application/problem+json"]["example"]["code"].as_str();
            let name = code.map_or_else(|| format!("Status{status}"), pascal);
            responses.put(&name, response);
        }
    });
    for shelf in [&headers, &parameters, &responses] {
        let seen = &mut document["components"][shelf.kind];
        *seen = json!(
            shelf.contents.iter().map(|(name, content)| (name.clone(), content.clone())).collect::<BTreeMap<_, _>>()
        );
    }
    document["paths"] = paths;
}

/// Components of one kind.
struct Shelf {
    kind: &'static str,
    /// Parts that occur once: they stay where they are.
    single: Vec<Value>,
    contents: BTreeMap<String, Value>,
}

impl Shelf {
    fn new(kind: &'static str, parts: &[Value]) -> Self {
        let occurs_once = |part: &&Value| parts.iter().filter(|other| other == part).count() == 1;
        Self { kind, single: parts.iter().filter(occurs_once).cloned().collect(), contents: BTreeMap::new() }
    }

    /// Replaces `part` by a reference to a component with its content: `name`, or `name` with a number.
    fn put(&mut self, name: &str, part: &mut Value) {
        if self.single.contains(part) {
            return;
        }
        let names = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}{number}")));
        for name in names {
            let there = self.contents.entry(name.clone()).or_insert_with(|| part.clone());
            if there == part {
                *part = json!({ "$ref": format!("#/components/{}/{name}", self.kind) });
                return;
            }
        }
    }
}

fn for_each_operation(paths: &mut Value, mut act: impl FnMut(&mut Value)) {
    let items = paths.as_object_mut().into_iter().flatten();
    for (_, operation) in items.flat_map(|(_, item)| item.as_object_mut()).flatten() {
        act(operation);
    }
}

/// `code_wrong` and `Retry-After` as `CodeWrong` and `RetryAfter`.
fn pascal(name: &str) -> String {
    let words = name.split(['_', '-']);
    words
        .map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>())
        .collect()
}
