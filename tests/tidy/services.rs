//! Services do not import each other in a cycle. What several of them write is in their `writes.rs`, which calls those
//! of lower services only; every other import follows the direction in which handles are passed.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source, Token};

/// Services with a `writes.rs`, the lowest first.
const LEVELS: [&str; 5] = ["user", "otp", "auth", "payment", "notifier"];

/// An import of one service by another: from and to as nodes (`auth` or `auth/writes`), and the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Import {
    from: String,
    to: String,
    place: String,
}

/// The node of a file below `src/actors/`; `None` for files that belong to no service.
fn node_of(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("src/actors/")?.split('/');
    let service = parts.next()?;
    let rest = parts.next()?;
    Some(if rest == "writes.rs" { format!("{service}/writes") } else { service.to_owned() })
}

/// The imports of other services in a file, by any path through `actors::`.
fn imports(source: &Source) -> Vec<Import> {
    let Some(from) = node_of(&source.path) else { return Vec::new() };
    let own = from.trim_end_matches("/writes").to_owned();
    let tokens = &source.tokens;
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let is_path = text(tokens, at) == "actors" && text(tokens, at + 1) == "::";
        // `telemetry::actors` is another module.
        let is_foreign = at >= 2 && text(tokens, at - 1) == "::" && text(tokens, at - 2) != "crate";
        if !is_path || is_foreign || is_below_other(tokens, at) {
            continue;
        }
        let mut paths = Vec::new();
        use_tree(tokens, at + 2, &mut Vec::new(), &mut paths);
        for path in paths {
            let Some(service) = path.first().filter(|service| **service != own) else { continue };
            let into_writes = path.get(1).is_some_and(|second| second == "writes");
            let to = if into_writes { format!("{service}/writes") } else { service.clone() };
            found.push(Import { from: from.clone(), to, place: format!("{}:{}", source.path, tokens[at].line) });
        }
    }
    found
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

/// Whether the group that contains `at` belongs to another folder: `telemetry::{actors::..}`.
fn is_below_other(tokens: &[Token], at: usize) -> bool {
    let mut depth = 0_u32;
    for before in (0..at).rev() {
        match text(tokens, before) {
            "}" => depth += 1,
            "{" if depth == 0 => return text(tokens, before.wrapping_sub(2)) != "crate",
            "{" => depth -= 1,
            ";" => return false,
            _ => {}
        }
    }
    false
}

/// Collects the paths of the use tree that begins at `at`, below `prefix`; returns its end.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    if text(tokens, at) == "{" {
        at += 1;
        while at < tokens.len() && text(tokens, at) != "}" {
            at = use_tree(tokens, at, prefix, paths);
            if text(tokens, at) == "," {
                at += 1;
            }
        }
        return at + 1;
    }
    prefix.push(text(tokens, at).to_owned());
    let end = if text(tokens, at + 1) == "::" {
        use_tree(tokens, at + 2, prefix, paths)
    } else {
        paths.push(prefix.clone());
        if text(tokens, at + 1) == "as" { at + 3 } else { at + 1 }
    };
    prefix.pop();
    end
}

fn level(node: &str) -> Option<usize> {
    LEVELS.iter().position(|service| node.strip_suffix("/writes") == Some(service))
}

/// Imports of a `writes.rs` that are not the `writes` of a lower service.
fn upward(import: &Import) -> Option<String> {
    if !import.from.ends_with("/writes") || !LEVELS.iter().any(|service| import.to.starts_with(service)) {
        return None;
    }
    let allowed = match (level(&import.from), level(&import.to)) {
        (Some(from), Some(to)) => to < from,
        _ => false,
    };
    (!allowed).then(|| format!("{}: {} must not import {}", import.place, import.from, import.to))
}

/// A cycle among the nodes, if there is one.
fn circle(imports: &[Import]) -> Option<Vec<String>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        edges.entry(&import.from).or_default().insert(&import.to);
    }
    let mut finished = BTreeSet::new();
    edges.keys().find_map(|start| walk(&edges, start, &mut Vec::new(), &mut finished))
}

fn walk<'a>(
    edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    node: &'a str,
    path: &mut Vec<&'a str>,
    finished: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(from) = path.iter().position(|before| *before == node) {
        return Some(path[from..].iter().map(|node| (*node).to_owned()).collect());
    }
    if finished.contains(node) {
        return None;
    }
    path.push(node);
    let next = edges.get(node).into_iter().flatten();
    let found = next.into_iter().find_map(|next| walk(edges, next, path, finished));
    path.pop();
    finished.insert(node);
    found
}

#[test]
fn writes_call_those_of_lower_services_only() {
    let found: Vec<String> = source::all().iter().flat_map(imports).filter_map(|import| upward(&import)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn services_import_each_other_in_no_cycle() {
    let found: Vec<Import> = source::all().iter().flat_map(imports).collect();
    assert!(found.iter().any(|import| import.from == "auth" && import.to == "otp"), "the rule sees no import");
    let circle = circle(&found);
    assert!(circle.is_none(), "services import each other in a cycle: {circle:?}");
}

#[test]
fn the_rules_can_fail() {
    let of = |path: &str, text: &str| imports(&Source::sample(path, text));
    let plain = of("src/actors/user/a.rs", "use crate::{actors::{auth::{writes::end, Auth}, user::x}, types::Y};");
    let to: Vec<&str> = plain.iter().map(|import| import.to.as_str()).collect();
    assert_eq!(to, ["auth/writes", "auth"]);
    assert!(of("src/actors/user/a.rs", "use crate::telemetry::{actors::ActorReport};").is_empty());
    assert!(of("src/actors/user/a.rs", "use crate::telemetry::actors::ActorReport;").is_empty());
    let up = of("src/actors/user/writes.rs", "use crate::actors::auth::writes::end_session;");
    assert!(up.iter().filter_map(upward).count() == 1);
    let handle = of("src/actors/auth/writes.rs", "use crate::actors::user::Users;");
    assert!(handle.iter().filter_map(upward).count() == 1);
    let down = of("src/actors/auth/writes.rs", "use crate::actors::user::writes::drop_invitation;");
    assert!(down.iter().filter_map(upward).count() == 0);
    let mut both = of("src/actors/user/a.rs", "use crate::actors::auth::Auth;");
    assert!(circle(&both).is_none());
    both.extend(of("src/actors/auth/b.rs", "use crate::actors::user::Users;"));
    assert_eq!(circle(&both).map(|nodes| nodes.len()), Some(2));
}
