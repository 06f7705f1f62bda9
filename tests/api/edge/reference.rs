//! The pages of docs/reference that are printed from the edge's tables and catalogues.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use majordomo::{
    domain::{
        access::{self, Permission},
        audit::ActionRow,
        event::{EventKind, EventRow},
    },
    http::{
        error::{ProblemCode, Retry},
        route::{Access, Rule},
    },
    telemetry::{health::HealthReason, metrics::catalog::Metric},
    types::{Role, Roles},
};

use super::openapi::sorted_table;

/// Compares a reference page with its file; writes the file if `UPDATE_REFERENCE=1`.
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::vars().any(|(name, value)| name == "UPDATE_REFERENCE" && value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{name} differs from the code: run the tests with UPDATE_REFERENCE=1");
}

#[test]
fn the_reference_of_errors_is_the_table_of_codes() {
    let mut page = "# Errors\n\nPrinted by a test from the code; do not edit. Every refusal is a problem document \
        (RFC 9457) whose `code` is one of these.\n\n\
        | code | status | retry | title | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    for row in ProblemCode::ALL.iter().map(|code| code.row()) {
        let retry = match row.retryable {
            Retry::Later => "later",
            Retry::Never => "never",
        };
        writeln!(page, "| `{}` | {} | {retry} | {} | {} |", row.code, row.status, row.title, row.meaning).unwrap();
    }
    compare("errors.md", &page);
}

#[test]
fn the_reference_of_routes_is_the_table_of_routes() {
    let mut page = "# Routes\n\nPrinted by a test from the code; do not edit. What each takes and answers: \
        `GET /openapi.json`, shown at `/docs`.\n\n\
        | method | path | operation | needs | listener | limit |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for rule in sorted_table().iter().map(|route| &route.rule) {
        let (needs, on, class) = (rule.access.as_str(), rule.on.as_str(), rule.class.as_str());
        writeln!(page, "| {} | `{}` | `{}` | {needs} | {on} | {class} |", rule.method, rule.path, rule.operation_id)
            .unwrap();
    }
    compare("routes.md", &page);
}

/// Joins texts, or `-`.
fn listed(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<String> = texts.into_iter().collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// The roles that have a permission.
fn holders(permission: Permission) -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(move |role| access::may(&Roles::from_iter([*role]), permission))
}

#[test]
fn the_reference_of_permissions_is_the_table_of_roles_and_routes() {
    let code = |text: &str| format!("`{text}`");
    let mut page = "# Permissions\n\nPrinted by a test from the code; do not edit. A user with several roles has the \
        permissions of each. The operator's control token has all permissions on the ops listener. A 403 names the \
        permission that the caller lacks.\n\n\
        ## From roles to permissions\n\n| role | permissions |\n|---|---|\n"
        .to_owned();
    for role in Role::ALL {
        let held = listed(access::permissions_of(role).iter().map(|permission| code(permission.as_str())));
        writeln!(page, "| `{role}` | {held} |").unwrap();
    }
    page.push_str(
        "\n## From permissions to roles and routes\n\n| permission | permits | roles | routes |\n|---|---|---|---|\n",
    );
    let table = sorted_table();
    let named = |rule: &Rule| format!("`{} {}`", rule.method, rule.path);
    for permission in Permission::ALL.iter().copied() {
        let rules = table.iter().map(|route| &route.rule);
        let rules = rules.filter(|rule| rule.access == Access::Needs(permission));
        let (routes, roles) = (listed(rules.map(named)), listed(holders(permission).map(|role| code(role.as_str()))));
        writeln!(page, "| `{}` | {} | {roles} | {routes} |", permission.as_str(), permission.meaning()).unwrap();
    }
    page.push_str(
        "\nAt `/users/{id}` and `/users/{id}/sessions` a caller with `use_own_account` reaches the own user, by `me` or \
        the id. For another user reading needs `read_users`, and the end of the sessions `end_sessions`.\n\n\
        ## From routes to permissions and roles\n\n| route | permission | roles |\n|---|---|---|\n",
    );
    for rule in table.iter().map(|route| &route.rule) {
        let (needs, roles) = match rule.access {
            Access::Needs(permission) => {
                (code(permission.as_str()), listed(holders(permission).map(|role| code(role.as_str()))))
            }
            Access::Anonymous => ("none".to_owned(), "every caller".to_owned()),
            Access::Development => ("none".to_owned(), "clients on this machine, in development".to_owned()),
        };
        writeln!(page, "| {} | {needs} | {roles} |", named(rule)).unwrap();
    }
    compare("permissions.md", &page);
}

#[test]
fn health_and_the_runbooks_name_the_same_reasons() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks");
    let contents = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut named = BTreeSet::new();
    for reason in HealthReason::ALL {
        let (name, page) = (reason.as_str(), reason.runbook());
        let row = contents.lines().find(|line| line.contains(&format!("`{name}`")));
        assert!(row.is_some_and(|row| row.contains(&format!("({page})"))), "{name} leads to {page}");
        named.insert(page.to_owned());
    }
    // Not about a health reason: it describes how to store the keys.
    named.extend(["README.md", "key-ring.md"].map(str::to_owned));
    let pages = std::fs::read_dir(folder).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap());
    assert_eq!(pages.collect::<BTreeSet<_>>(), named);
}

#[test]
fn the_reference_of_events_is_the_catalogue() {
    let mut page = "# Events\n\nPrinted by a test from the code; do not edit.\n\n\
        A number names its service in the high byte and never changes. `schema` is the number of the body's present \
        form in the store; bodies of earlier schemas are read too.\n\n\
        | number | type | schema | source | subscribers | in the source documents | `data`, without personal fields |\n\
        |---|---|---|---|---|---|---|\n"
        .to_owned();
    for event in EventKind::samples() {
        let EventRow { event_type, name, schema, subscribers, aliases } = event.row();
        let (number, source) = (event_type.number(), event_type.source());
        let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let readers = or_none(subscribers.join(", "));
        let fields: Vec<String> = event.payload().iter().map(|(field, _)| format!("`{field}`")).collect();
        let aliases: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let (aliases, fields) = (or_none(aliases.join(", ")), fields.join(", "));
        let row = format!("| `{number:#06x}` | `{name}` | {schema} | `{source}` | {readers} | {aliases} | {fields} |");
        writeln!(page, "{row}").unwrap();
    }
    page.push_str("\n`session.refreshed` is written only with `events.session_refreshed = true`.\n");
    compare("events.md", &page);
}

#[test]
fn the_reference_of_audit_actions_is_the_catalogue() {
    let mut page = "# Audit actions\n\nPrinted by a test from the code; do not edit.\n\n\
        A number names its service in the high byte and never changes.\n\n\
        | number | action | log |\n|---|---|---|\n"
        .to_owned();
    for ActionRow { action, name, log } in ActionRow::all() {
        writeln!(page, "| `{:#06x}` | `{name}` | `{}` |", action.number(), log.as_str()).unwrap();
    }
    compare("audit.md", &page);
}

#[test]
fn the_reference_of_metrics_is_the_catalogue() {
    let mut page =
        "# Metrics\n\nPrinted by a test from the code; do not edit. `GET /metrics` on the ops listener, in the \
        text format of Prometheus; each series also has the label `service`.\n\n\
        | metric | type | labels | meaning |\n|---|---|---|---|\n"
            .to_owned();
    for metric in Metric::ALL {
        let labels: Vec<String> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(", ") };
        writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name(), metric.kind(), metric.help()).unwrap();
    }
    compare("metrics.md", &page);
}

#[test]
fn codes_are_unique_and_fit_their_status() {
    let mut seen = BTreeSet::new();
    for row in ProblemCode::ALL.iter().map(|code| code.row()) {
        assert!(seen.insert(row.code), "{} twice", row.code);
        assert!(row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", row.code);
        assert!((400..600).contains(&row.status) && !row.title.ends_with('.') && row.meaning.ends_with('.'));
    }
}
