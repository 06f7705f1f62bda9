//! The refusals of each operation: those that its handler states, and those of the edge code and the extractors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    domain::access::Permission,
    http::{
        error::{ApiError, ProblemCode, ProblemContext},
        middleware::frame,
        route::{Access, Class, On, Rule},
        services::METRICS,
    },
};

/// The name of the schema of problem documents.
pub(super) const PROBLEM: &str = "Problem";

/// The table of problem codes, for the API page.
pub(super) fn codes() -> Value {
    let rows = ProblemCode::ALL
        .iter()
        .map(|code| code.row())
        .map(|row| json!({ "code": row.code, "status": row.status, "title": row.title, "meaning": row.meaning }));
    rows.collect()
}

/// Adds the refusals of the edge code and the extractors, and gives every refusal the form of a problem document.
pub(super) fn describe(rule: &Rule, operation: &mut Value) {
    let mut by_status: BTreeMap<String, Vec<ProblemCode>> = BTreeMap::new();
    for code in frame_refusals(rule, operation) {
        let codes = by_status.entry(code.row().status.to_string()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, codes) in by_status {
        let titles: Vec<String> =
            codes.iter().map(|code| format!("{} (`{}`)", code.row().title, code.row().code)).collect();
        let titles = format!("{}.", titles.join(", or: "));
        let own = responses.get(&status).map(|own| own["description"].as_str().unwrap_or_default().to_owned());
        let has_form = responses.get(&status).is_some_and(|own| own.get("content").is_some());
        if has_form {
            continue;
        }
        let description = own.map_or_else(|| titles.clone(), |own| format!("{own} Or: {titles}"));
        responses.insert(status, json!({ "description": description }));
    }
    for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        take_form(status, rule, response);
    }
}

/// The problem document with an example, and the headers that belong to the status.
fn take_form(status: &str, rule: &Rule, response: &mut Value) {
    let named = ProblemCode::ALL.iter().copied().find(|code| {
        let text = response["description"].as_str().unwrap_or_default();
        code.row().status.to_string() == status && text.contains(&format!("`{}`", code.row().code))
    });
    let first = ProblemCode::ALL.iter().copied().find(|code| code.row().status.to_string() == status);
    response["content"]["application/problem+json"] =
        json!({ "schema": { "$ref": format!("#/components/schemas/{PROBLEM}") } });
    if let Some(code) = named.or(first) {
        let at = ProblemContext { base: "", instance: "/", request_id: "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a" };
        response["content"]["application/problem+json"]["example"] = ApiError::new(code).document(at);
    }
    let mut header = |name: &str, schema: Value, description: &str| {
        response["headers"][name] = json!({ "schema": schema, "description": description });
    };
    if status == "401" {
        let text = json!({ "type": "string" });
        header("WWW-Authenticate", text, "How to sign in, and whether a token was refused (RFC 6750).");
    }
    if matches!(status, "429" | "503") {
        let seconds = json!({ "type": "integer", "minimum": 1 });
        header("Retry-After", seconds, "Seconds to wait before sending the request again.");
    }
    if status == "429" && rule.class != Class::Exempt {
        header("RateLimit", json!({ "type": "string" }), "The rest of the quota, and the seconds until it is full.");
        header("RateLimit-Policy", json!({ "type": "string" }), "The quota, and its window in seconds.");
    }
}

/// The refusals of the edge code and the extractors for a route.
fn frame_refusals(rule: &Rule, operation: &Value) -> Vec<ProblemCode> {
    let mut codes = vec![
        ProblemCode::MalformedRequest,
        ProblemCode::InvalidQuery,
        ProblemCode::UriTooLong,
        ProblemCode::HeadTooLarge,
        ProblemCode::Internal,
        ProblemCode::Unavailable,
        ProblemCode::DeadlineExpired,
    ];
    let is_exempt = frame::is_probe(&rule.path) || rule.path == METRICS;
    if rule.on != On::Ops && !is_exempt {
        codes.push(ProblemCode::HttpsRequired);
    }
    if rule.class != Class::Exempt {
        codes.push(ProblemCode::RateLimited);
    }
    if rule.method != "GET" {
        codes.extend([ProblemCode::IdempotencyNotSupported, ProblemCode::Overloaded, ProblemCode::OutcomeUnknown]);
        codes.push(ProblemCode::StorageFull);
    }
    if !operation["requestBody"].is_null() {
        codes.extend([ProblemCode::InvalidJson, ProblemCode::RequestTimeout, ProblemCode::BodyTooLarge]);
        codes.extend([ProblemCode::UnsupportedMediaType, ProblemCode::ValidationFailed]);
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match (parameter["in"].as_str(), parameter["name"].as_str()) {
            (Some("path"), _) => codes.push(ProblemCode::NotFound),
            (Some("query"), Some("cursor")) => codes.extend([ProblemCode::InvalidQuery, ProblemCode::InvalidCursor]),
            (Some("query"), _) => codes.push(ProblemCode::InvalidQuery),
            (Some("header"), _) => codes.push(ProblemCode::InvalidHeader),
            _ => {}
        }
    }
    match rule.access {
        Access::Anonymous => {}
        Access::Needs(permission) => {
            codes.extend([
                ProblemCode::Unauthenticated,
                ProblemCode::InvalidToken,
                ProblemCode::TokenExpired,
                ProblemCode::SessionEnded,
            ]);
            // Every user has this one.
            if permission != Permission::UseOwnAccount || rule.path.starts_with("/users/") {
                codes.push(ProblemCode::Forbidden);
            }
        }
        Access::Development => codes.push(ProblemCode::LoopbackOnly),
    }
    codes
}

/// The schema of problem documents. Other members may be added (RFC 9457 section 3.2).
pub(super) fn problem_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let mut kind = text("The kind of problem: the address of its description, relative to that of the request.");
    kind["format"] = json!("uri-reference");
    let code = "The code of the problem, for programs.";
    let mut outcome = text("Whether the change was applied.");
    outcome["enum"] = json!(["not_applied", "applied", "unknown"]);
    let tries = "With `code_wrong`: the number of code tries that are left.";
    let permission = "With `forbidden`: what the caller lacks.";
    json!({
        "type": "object",
        "description": "RFC 9457 problem details.",
        "properties": {
            "type": kind,
            "title": text("The same text for every occurrence of the code."),
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the answer." },
            "detail": text("What happened here, and what to do."),
            "instance": text("The path of the request."),
            "code": { "$ref": "#/components/schemas/ProblemCode", "description": code },
            "requestId": text("The id of the request in the server's log."),
            "errors": {
                "type": "array", "description": "The refused fields or parameters.", "items": field_error_schema(),
            },
            "retryable": { "type": "boolean", "description": "Whether the same request may succeed later." },
            "outcome": outcome,
            "permission": { "$ref": "#/components/schemas/Permission", "description": permission },
            "attemptsLeft": { "type": "integer", "minimum": 0, "description": tries },
        },
        "required": [
            "type", "title", "status", "detail", "instance", "code", "requestId", "errors", "retryable", "outcome",
        ],
        "additionalProperties": true,
    })
}

fn field_error_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "properties": {
            "pointer": text("JSON pointer into the body, or the name of a query parameter."),
            "code": text("The rule, for programs."),
            "detail": text("What is expected."),
        },
        "required": ["pointer", "code", "detail"],
        "additionalProperties": false,
    })
}
