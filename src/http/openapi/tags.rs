//! The tags of the document, in the order of a reader who is new to the API.

use serde_json::{Value, json};

const TAGS: [(&str, &str); 9] = [
    ("auth", "Registration, sign-in, the caller's own profile, sessions and passwords."),
    ("otp", "One-time codes for a signed-in user."),
    ("users", "Users, invitations and roles, for administrators."),
    ("audit", "The audit log, for auditors."),
    ("events", "The event log and its subscribers, for operators."),
    ("operations", "What operators do on the ops listener."),
    ("health", "Whether the process works, for supervisors and balancers."),
    ("development", "Helpers of development mode, only for clients on the same machine."),
    ("documentation", "This document, and the page that shows it."),
];

/// Adds the tags that operations have.
pub(super) fn describe(document: &mut Value) {
    let text = document["paths"].to_string();
    let used = TAGS.iter().filter(|(name, _)| text.contains(&format!("\"tags\":[\"{name}\"]")));
    let tags: Vec<Value> = used.map(|(name, text)| json!({ "name": name, "description": text })).collect();
    document["tags"] = Value::Array(tags);
}
