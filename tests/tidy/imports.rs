//! What each folder may import, and where a foreign crate may be named: the table of docs/architecture.md.

use crate::source::{Source, Token};
use crate::{finds, hold};

struct Folder {
    name: &'static str,
    may_import: &'static [&'static str],
    must_not_name: &'static [&'static str],
}

const fn folder(
    name: &'static str,
    may_import: &'static [&'static str],
    must_not_name: &'static [&'static str],
) -> Folder {
    Folder { name, may_import, must_not_name }
}

const FOLDERS: [Folder; 14] = [
    folder("types", &[], &["tokio", "axum", "ractor", "sled"]),
    folder("config", &["types"], &["axum", "ractor", "sled"]),
    folder("domain", &["types"], &["tokio", "axum", "ractor", "sled", "bincode", "tracing", "rand_core", "getrandom"]),
    folder("crypto", &["types"], &["axum", "ractor", "sled"]),
    folder("outbound", &["types", "crypto"], &["axum"]),
    folder("telemetry", &["types", "config"], &[]),
    folder("persistence", &[], &["axum", "ractor"]),
    folder("persistence/machinery", &["types", "crypto", "telemetry"], &["axum", "ractor"]),
    folder("persistence/schema", &["types", "domain", "telemetry", "persistence/machinery"], &["axum", "ractor"]),
    folder("supervision", &["types", "telemetry"], &[]),
    folder(
        "actors",
        &["types", "config", "domain", "crypto", "outbound", "telemetry", "persistence", "supervision"],
        &["axum", "sled", "hyper"],
    ),
    folder("http", &["types", "config", "domain", "telemetry", "actors"], &["sled", "ractor"]),
    folder("app", &ALL_BUT_CLI, &[]),
    folder("cli", &ALL_BUT_CLI, &[]),
];

/// The folders that `app` and `cli` may import: all except `cli`.
const ALL_BUT_CLI: [&str; 11] = [
    "types",
    "config",
    "domain",
    "crypto",
    "outbound",
    "telemetry",
    "persistence",
    "supervision",
    "actors",
    "http",
    "app",
];

/// A foreign crate and the only places that may name it.
const WALLS: [(&str, &[&str]); 6] = [
    ("sled", &["src/persistence/machinery/"]),
    ("redb", &["src/persistence/machinery/"]),
    ("bincode", &["src/persistence/machinery/codec.rs"]),
    ("axum", &["src/http/"]),
    ("ractor", &["src/supervision/", "src/actors/"]),
    ("actix", &[]),
];

/// Words that pure code must not use.
const NOT_PURE: [&str; 8] = ["async", "await", "SystemTime", "Instant", "Clock", "Entropy", "OsRng", "thread_rng"];

/// The row of a file: the one of the innermost folder that has a row.
fn row_of(source: &Source) -> Option<&'static Folder> {
    let inside = |row: &&Folder| {
        let below = source.path.strip_prefix("src/").and_then(|rest| rest.strip_prefix(row.name));
        below.is_some_and(|below| below.starts_with('/'))
    };
    FOLDERS.iter().filter(inside).max_by_key(|row| row.name.len())
}

fn imports(source: &Source) -> Vec<String> {
    let Some(row) = row_of(source) else { return Vec::new() };
    let mut imported = imported(source);
    imported.dedup();
    imported
        .into_iter()
        .filter(|(name, _)| !may_import(row, name))
        .map(|(name, line)| format!("{}:{line}: {} must not import {name}", source.path, row.name))
        .collect()
}

/// A folder imports itself, what its row names, and the inner folders of both.
fn may_import(row: &Folder, name: &str) -> bool {
    let outer = name.split('/').next().unwrap_or(name);
    [name, outer].iter().any(|name| *name == row.name || row.may_import.contains(name))
}

/// The project's folders that a file names, by `crate::x`, `majordomo::x`, a group of them, or `super` out of the
/// folder.
fn imported(source: &Source) -> Vec<(String, usize)> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !is(tokens, at + 1, "::") || (at > 0 && is(tokens, at - 1, "::")) {
            continue;
        }
        let (base, first) = match token.text.as_str() {
            "crate" | "majordomo" => (Vec::new(), at + 2),
            "super" => match after_supers(source, at) {
                Some(found) => found,
                None => continue,
            },
            _ => continue,
        };
        let paths = paths(tokens, first, base);
        found.extend(paths.into_iter().filter_map(|(path, line)| folder_of(&path).map(|name| (name, line))));
    }
    found
}

/// The project's folder that a path leads into: the inner one, if that has a row.
fn folder_of(path: &[String]) -> Option<String> {
    let first = path.first().filter(|first| is_ours(first))?;
    let inner = path.get(1).map(|second| format!("{first}/{second}"));
    Some(inner.filter(|inner| is_ours(inner)).unwrap_or_else(|| first.clone()))
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn is_ours(name: &str) -> bool {
    FOLDERS.iter().any(|row| row.name == name)
}

/// The modules from the top of the crate that a chain of `super` leads to, and where the path continues after it;
/// `None` if it stays inside the file's own folder.
fn after_supers(source: &Source, at: usize) -> Option<(Vec<String>, usize)> {
    let inner = source.path.strip_prefix("src/")?;
    let mut modules: Vec<String> =
        inner.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(str::to_owned).collect();
    let mut next = at;
    while is(&source.tokens, next, "super") && is(&source.tokens, next + 1, "::") {
        modules.pop();
        next += 2;
    }
    let own = row_of(source)?.name.split('/').count();
    (modules.len() < own).then_some((modules, next))
}

/// The paths, cut to two segments, that begin with `base` and continue at `at`: one, or each of a group `{a::b, c}`.
fn paths(tokens: &[Token], at: usize, base: Vec<String>) -> Vec<(Vec<String>, usize)> {
    let Some(token) = tokens.get(at) else { return Vec::new() };
    if base.len() == 2 {
        return vec![(base, token.line)];
    }
    if !is(tokens, at, "{") {
        let path = [base, vec![token.text.clone()]].concat();
        return match is(tokens, at + 1, "::") {
            true => paths(tokens, at + 2, path),
            false => vec![(path, token.line)],
        };
    }
    let mut found = Vec::new();
    let (mut depth, mut next, mut fresh) = (1, at + 1, true);
    while depth > 0 && next < tokens.len() {
        match tokens[next].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => {
                fresh = true;
                next += 1;
                continue;
            }
            _ if fresh => found.extend(paths(tokens, next, base.clone())),
            _ => {}
        }
        fresh = false;
        next += 1;
    }
    found
}

/// The lines on which a foreign crate is named as the beginning of a path.
fn naming(source: &Source, name: &str) -> Vec<usize> {
    let tokens = &source.tokens;
    let named = |at: usize| {
        let path = is(tokens, at + 1, "::") && !(at > 0 && is(tokens, at - 1, "::"));
        let whole = at > 0 && is(tokens, at - 1, "use") && !is(tokens, at + 1, "::");
        path || whole
    };
    (0..tokens.len()).filter(|&at| tokens[at].text == name && named(at)).map(|at| tokens[at].line).collect()
}

fn walls(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    if !source.path.starts_with("src/") || !source.is_rust() {
        return findings;
    }
    for name in row_of(source).map_or(&[][..], |row| row.must_not_name) {
        for line in naming(source, name) {
            findings.push(format!("{}:{line}: {name} must not be named in this folder", source.path));
        }
    }
    for (name, places) in WALLS {
        if places.iter().any(|place| source.path.starts_with(place)) || !findings.is_empty() {
            continue;
        }
        for line in naming(source, name) {
            findings.push(format!("{}:{line}: {name} may be named only under {places:?}", source.path));
        }
    }
    findings
}

fn purity(source: &Source) -> Vec<String> {
    if source.folder() != "domain" {
        return Vec::new();
    }
    let impure = source.tokens.iter().filter(|token| NOT_PURE.contains(&token.text.as_str()));
    impure
        .map(|token| format!("{}:{}: `{}` in the domain, which is pure", source.path, token.line, token.text))
        .collect()
}

/// The name of a stored mail, which is a record and not a message of an actor.
const NO_MESSAGE_OF_AN_ACTOR: &str = "InboxMessage";

/// Only a handle crosses from `actors` to `http`, never the messages behind it.
fn messages(source: &Source) -> Vec<String> {
    let ours = |token: &&Token| {
        token.text.len() > "Message".len() && token.text.ends_with("Message") && token.text != NO_MESSAGE_OF_AN_ACTOR
    };
    if source.folder() != "http" {
        return Vec::new();
    }
    let named = source.tokens.iter().filter(ours);
    named.map(|token| format!("{}:{}: {} is not the edge's business", source.path, token.line, token.text)).collect()
}

#[test]
fn each_folder_imports_only_what_the_table_allows() {
    hold(imports);
}

#[test]
fn foreign_crates_are_named_only_in_their_places() {
    hold(walls);
}

#[test]
fn the_domain_is_pure() {
    hold(purity);
}

#[test]
fn the_edge_names_no_message_of_an_actor() {
    hold(messages);
}

#[test]
fn the_import_rule_can_fail() {
    finds(imports, 1, "src/domain/user/record.rs", "use crate::persistence::Store;");
    finds(imports, 2, "src/http/routes/users.rs", "use crate::{types::Fault, persistence::{Store, Tx}, supervision};");
    finds(imports, 1, "src/types/id.rs", "fn f() { super::super::domain::user::f() }");
    finds(imports, 1, "src/types/mod.rs", "use super::domain::user;");
    finds(imports, 1, "src/crypto/mod.rs", "use majordomo::config::Config;");
    finds(imports, 0, "src/app/tree.rs", "use crate::actors::auth::Auth;");
    finds(imports, 1, "src/app/tree.rs", "use crate::cli::Terminal;");
    finds(imports, 0, "src/cli/serve.rs", "use crate::app::App;");
    finds(imports, 1, "src/supervision/tree.rs", "use crate::actors::auth::Auth;");
    finds(imports, 1, "src/http/router.rs", "use crate::app::App;");
    finds(imports, 0, "src/types/id.rs", "use super::limits; // crate::domain");
    finds(imports, 0, "src/domain/user/record.rs", "use crate::{types::{UserId, limits}, domain::auth};");
}

#[test]
fn the_import_rule_keeps_machinery_and_schema_apart() {
    let machinery = "src/persistence/machinery/engine/sled.rs";
    finds(imports, 1, machinery, "use crate::persistence::schema::tables::user;");
    finds(imports, 1, machinery, "use crate::{persistence::{machinery::Lsn, schema}, types::Fault};");
    finds(imports, 1, machinery, "use crate::persistence::tables::user;");
    finds(imports, 1, machinery, "use super::super::super::schema::events;");
    finds(imports, 1, machinery, "use crate::domain::event::Event;");
    finds(imports, 0, machinery, "use super::super::batch::Lsn; use crate::persistence::machinery::{Lsn, fs::Fs};");
    let schema = "src/persistence/schema/tables/user.rs";
    finds(
        imports,
        0,
        schema,
        "use crate::{domain::user::User, persistence::{machinery::{Tx, Table}, schema::persons}};",
    );
    finds(imports, 1, schema, "use crate::persistence::Tx;");
    finds(imports, 1, schema, "use crate::crypto::code;");
    finds(imports, 0, "src/persistence/mod.rs", "pub mod machinery; pub use machinery::Tx;");
    finds(imports, 1, "src/persistence/mod.rs", "use crate::domain::user::User;");
    finds(imports, 0, "src/actors/auth/mod.rs", "use crate::persistence::{Store, machinery::Lsn, tables::user};");
    finds(imports, 1, "src/http/router.rs", "use crate::persistence::machinery::Store;");
}

#[test]
fn the_rule_on_foreign_crates_can_fail() {
    finds(walls, 1, "src/actors/auth/mod.rs", "use sled::Db;");
    finds(walls, 1, "src/persistence/machinery/journal.rs", "fn f() { bincode::encode() }");
    finds(walls, 1, "src/http/router.rs", "use ractor;");
    finds(walls, 0, "src/persistence/machinery/engine/mod.rs", "mod sled; pub use sled::SledEngine;");
    finds(walls, 1, "src/app/sockets.rs", "use axum::Router;");
    finds(walls, 0, "src/http/router.rs", "use axum::Router; let s = \"sled::\";");
}

#[test]
fn the_purity_rule_can_fail() {
    finds(purity, 2, "src/domain/otp/code.rs", "async fn f() { let now = SystemTime::now(); }");
    finds(purity, 0, "src/crypto/code.rs", "async fn f() {}");
}

#[test]
fn the_message_rule_can_fail() {
    finds(messages, 1, "src/http/routes/auth.rs", "use crate::actors::auth::AuthMessage;");
    finds(messages, 0, "src/actors/auth/mod.rs", "pub enum AuthMessage {}");
}
