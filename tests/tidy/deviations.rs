//! `docs/deviations.md` against the code: each name that it lists as kept exists, and each route and event that it
//! lists as not built does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::source::{self, Source, Token};
use crate::{finds, hold};

const PAGE: &str = "docs/deviations.md";
/// The first cells of a table of kept names, and of a table of changed ones.
const KEPT: &str = "kind";
const CHANGED: &str = "in the document";
const NOT_BUILT: &str = "not built";
/// Lower bounds of the page's kept names and changed rows; fewer mean that its tables are no longer parsed.
const KEPT_AT_LEAST: usize = 80;
const CHANGED_AT_LEAST: usize = 100;

/// A row of a table, with its line (from 1).
struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Row {
    fn words(&self, cell: usize) -> Vec<&str> {
        self.cells.get(cell).map_or(Vec::new(), |text| code_words(text))
    }
}

/// A claim of the page: this name is kept, as this kind of thing, at this place.
struct Kept<'a> {
    line: usize,
    kind: &'a str,
    name: &'a str,
    place: Vec<&'a str>,
}

fn code_words(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of all tables whose first heading is `first`.
fn rows(text: &str, first: &str) -> Vec<Row> {
    let mut found = Vec::new();
    let mut table: Option<bool> = None;
    for (at, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            table = None;
            continue;
        }
        let cells = cells(line);
        match table {
            None => table = Some(cells[0] == first),
            Some(true) if !cells[0].starts_with("---") => found.push(Row { line: at + 1, cells }),
            Some(_) => {}
        }
    }
    found
}

fn kept_names(rows: &[Row]) -> Vec<Kept<'_>> {
    let mut names = Vec::new();
    for row in rows {
        let kept = |name| Kept { line: row.line, kind: &row.cells[0], name, place: row.words(3) };
        names.extend(row.words(1).into_iter().map(kept));
    }
    names
}

/// The rows of a page that a test prints from the code.
fn reference(name: &str) -> Vec<Row> {
    let path = format!("docs/reference/{name}.md");
    let page = source::all().iter().find(|source| source.path == path);
    let text = page.map_or("", |page| page.text.as_str());
    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
    lines.map(|(at, line)| Row { line: at + 1, cells: cells(line) }).collect()
}

/// `GET /users/:id` and `GET /users/{id}` as method and segments; a parameter is an empty segment.
fn route(text: &str) -> Option<(&str, Vec<&str>)> {
    let (method, path) = text.split_once(' ')?;
    let is_method = method.chars().all(|c| c.is_ascii_uppercase());
    let segment = |part| if str::starts_with(part, [':', '{']) { "" } else { part };
    (is_method && path.starts_with('/')).then(|| (method, path.split('/').skip(1).map(segment).collect()))
}

/// The rows of the route table, each as a route and its operation.
fn routes() -> Vec<(String, String)> {
    let word = |row: &Row, cell| row.words(cell).first().copied().unwrap_or("").to_owned();
    reference("routes").iter().map(|row| (format!("{} {}", row.cells[0], word(row, 1)), word(row, 2))).collect()
}

/// The operation of the route `name`; a segment may match a parameter, as `auth` in `GET /health/auth`.
fn operation(name: &str) -> Option<String> {
    let (method, wanted) = route(name)?;
    let answers = |text: &str| {
        let Some((known, there)) = route(text) else { return false };
        let fits = |(there, wanted): (&&str, &&str)| there == wanted || there.is_empty();
        known == method && there.len() == wanted.len() && there.iter().zip(&wanted).all(fits)
    };
    let table = routes();
    let exact = table.iter().find(|(text, _)| is_same_route(text, name));
    exact.or_else(|| table.iter().find(|(text, _)| answers(text))).map(|(_, operation)| operation.clone())
}

fn is_same_route(one: &str, other: &str) -> bool {
    route(one).is_some_and(|one| Some(one) == route(other))
}

/// Whether the catalogue has the event, under this name or as an alias.
fn is_event(name: &str) -> bool {
    reference("events").iter().any(|row| (0..row.cells.len()).any(|cell| row.words(cell).contains(&name)))
}

fn is_event_name(word: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let parts: Vec<&str> = word.split('.').collect();
    let is_topic = word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_topic || (parts.len() == 2 && parts.into_iter().all(is_part))
}

/// Whether a setting has that default, in the form of `docs/reference/config.md`.
fn has_default(key: &str, default: &str) -> bool {
    reference("config").iter().any(|row| row.words(0) == [key] && row.words(1) == [default])
}

fn has_error(code: &str, status: &str) -> bool {
    reference("errors").iter().any(|row| row.words(0) == [code] && row.cells[1] == status)
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

/// Whether a file below `folder` has `name` as a string literal, or as a field in snake case.
fn is_declared(folder: &str, name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    let is_field = |source: &Source| {
        let pairs = source.tokens.windows(2);
        pairs.into_iter().any(|pair| pair[1].text == ":" && (pair[0].text == name || camel_case(&pair[0].text) == name))
    };
    let below = source::all().iter().filter(|source| source.is_rust() && source.path.starts_with(folder));
    folder.ends_with('/') && below.into_iter().any(|source| source.text.contains(&quoted) || is_field(source))
}

/// The body types of an operation, from the attribute above its handler.
fn bodies(operation: &str) -> Vec<String> {
    let id = format!("operation_id = \"{operation}\"");
    let handler = source::all().iter().find(|source| source.path.starts_with("src/http/") && source.text.contains(&id));
    let Some((_, after)) = handler.and_then(|source| source.text.split_once(&id)) else { return Vec::new() };
    let attribute = after.split("\n)]").next().unwrap_or("");
    let named = attribute.split("body = ").skip(1).map(|rest| rest.split([',', ')', '\n']).next().unwrap_or(""));
    named.flat_map(|text| text.split(['<', '>'])).map(str::to_owned).collect()
}

/// The position of each struct of the code.
fn structs() -> &'static BTreeMap<&'static str, &'static [Token]> {
    static STRUCTS: OnceLock<BTreeMap<&str, &[Token]>> = OnceLock::new();
    STRUCTS.get_or_init(|| {
        let of_product = source::all().iter().filter(|source| source.path.starts_with("src/"));
        let begins = of_product.flat_map(|source| {
            let named = |at: &usize| source.tokens[*at].text == "struct" && source.tokens.len() > at + 1;
            let starts = (0..source.tokens.len()).filter(named);
            starts.map(|at| (source.tokens[at + 1].text.as_str(), &source.tokens[at..])).collect::<Vec<_>>()
        });
        begins.collect()
    })
}

/// Adds the fields of struct `name`, and of the structs in its fields, to `fields`.
fn collect_fields(name: &str, seen: &mut BTreeSet<String>, fields: &mut BTreeSet<String>) {
    let Some(tokens) = structs().get(name).filter(|_| seen.insert(name.to_owned())) else { return };
    let mut depth = 0_usize;
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            ";" if depth == 0 => return,
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" if depth <= 1 => return,
            "}" | ")" | "]" => depth -= 1,
            field if depth == 1 && pair[1].text == ":" => drop(fields.insert(camel_case(field))),
            word if depth == 1 && word.starts_with(char::is_uppercase) => collect_fields(word, seen, fields),
            _ => {}
        }
    }
}

/// Whether the body `name` is parsed from a JSON member of this name, which need not be a field.
fn reads(name: &str, member: &str) -> bool {
    let head = format!("impl FromFields for {name} {{");
    let of_edge = source::all().iter().filter(|source| source.path.starts_with("src/http/"));
    let found = of_edge.into_iter().find_map(|source| source.text.split_once(&head));
    let reading = found.and_then(|(_, after)| after.split("\n}").next());
    reading.is_some_and(|text| text.contains(&format!("(\"{member}\")")))
}

fn is_body_field(operation: &str, name: &str) -> bool {
    let bodies = bodies(operation);
    let (mut seen, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for body in &bodies {
        collect_fields(body, &mut seen, &mut fields);
    }
    fields.contains(name) || bodies.iter().any(|body| reads(body, name))
}

fn is_template(name: &str) -> bool {
    let parts = ["html", "txt", "subject"].map(|part| format!("assets/templates/email/en/{name}.{part}"));
    parts.iter().all(|part| source::all().iter().any(|source| source.path == *part))
}

/// Whether the code matches the claim; `None` for an unknown kind or place.
fn is_kept(claim: &Kept<'_>) -> Option<bool> {
    let name = claim.name;
    match (claim.kind, &claim.place[..]) {
        ("route", [place]) => Some(is_same_route(name, place) && operation(place).is_some()),
        ("event", [place]) => Some(is_event(name) && is_event(place)),
        ("body field", places @ [_, ..]) => {
            Some(places.iter().all(|place| operation(place).is_some_and(|operation| is_body_field(&operation, name))))
        }
        ("number", [key, default]) => Some(has_default(key, default)),
        ("status", [code]) => Some(has_error(code, name)),
        ("service", [place]) => Some(name == *place && reference("tree").iter().any(|row| row.words(0) == [name])),
        ("template", [place]) => Some(name == *place && is_template(name)),
        ("word", [folder]) => Some(is_declared(folder, name)),
        _ => None,
    }
}

fn kept(page: &Source) -> Vec<String> {
    if page.path != PAGE {
        return Vec::new();
    }
    let rows = rows(&page.text, KEPT);
    let claims = kept_names(&rows);
    let nameless = rows.iter().filter(|row| row.words(1).is_empty());
    let nameless = nameless.map(|row| format!("{}:{}: no name in code", page.path, row.line));
    let findings = claims.iter().filter_map(|claim| {
        let said = match is_kept(claim) {
            Some(true) => return None,
            Some(false) => format!("is not at {:?}", claim.place),
            None => format!("cannot be looked for at {:?}", claim.place),
        };
        Some(format!("{}:{}: {} `{}` {said}", page.path, claim.line, claim.kind, claim.name))
    });
    nameless.chain(findings).collect()
}

/// The routes and events of the rows whose second cell begins with "not built".
fn unbuilt_names(rows: &[Row]) -> Vec<(usize, &str)> {
    let unbuilt = rows.iter().filter(|row| row.cells.get(1).is_some_and(|cell| cell.starts_with(NOT_BUILT)));
    let names = unbuilt.flat_map(|row| row.words(0).into_iter().map(|word| (row.line, word)));
    names.filter(|(_, word)| route(word).is_some() || is_event_name(word)).collect()
}

fn unbuilt(page: &Source) -> Vec<String> {
    if page.path != PAGE {
        return Vec::new();
    }
    let rows = rows(&page.text, CHANGED);
    let table = routes();
    let is_there = |word: &str| is_event(word) || table.iter().any(|(text, _)| is_same_route(text, word));
    let stale = unbuilt_names(&rows).into_iter().filter(|(_, word)| is_there(word));
    stale.map(|(line, word)| format!("{}:{line}: `{word}` exists", page.path)).collect()
}

#[test]
fn names_that_are_listed_as_kept_exist() {
    hold(kept);
}

#[test]
fn routes_and_events_that_are_listed_as_not_built_do_not_exist() {
    hold(unbuilt);
}

#[test]
fn the_page_is_parsed() {
    let page = source::all().iter().find(|source| source.path == PAGE).unwrap();
    let (kept, changed) = (rows(&page.text, KEPT), rows(&page.text, CHANGED));
    let names = kept_names(&kept);
    assert!(names.len() >= KEPT_AT_LEAST, "{} kept names", names.len());
    assert!(changed.len() >= CHANGED_AT_LEAST, "{} changed rows", changed.len());
    for document in ["S0", "S1", "S2", "S3", "S4"] {
        assert!(kept.iter().any(|row| row.cells[2].contains(document)), "no kept name of {document}");
    }
}

#[test]
fn the_rules_on_deviations_can_fail() {
    let table =
        |row: &str| format!("| kind | in the documents | documents | in the product |\n|---|---|---|---|\n{row}\n");
    let bad = [
        "| route | `POST /nowhere` | S1 | `POST /nowhere` |",
        "| route | `POST /auth/login` | S1 | `POST /nowhere` |",
        "| route | `PUT /auth/login` | S1 | `PUT /auth/login` |",
        "| event | `user.vanished` | S1 | `user.vanished` |",
        "| body field | `nothing` | S1 | `POST /auth/login` |",
        "| body field | `email` | S1 | `POST /nowhere` |",
        "| number | `15 minutes` | S3 | `auth.token.lifetime` `\"16m\"` |",
        "| status | `430` | S1 | `rate_limited` |",
        "| service | `nothing` | S0 | `nothing` |",
        "| template | `nothing` | S1 | `nothing` |",
        "| word | `noSuchWordAnywhere` | S1 | `src/` |",
        "| word | `email` | S1 | `nowhere/` |",
        "| colour | `red` | S1 | `src/` |",
        "| route | `POST /auth/login` | S1 | everywhere |",
        "| route | POST /auth/login | S1 | `POST /auth/login` |",
    ];
    for row in bad {
        finds(kept, 1, PAGE, &table(row));
    }
    let good = [
        "| route | `GET /users/:id`, `GET /users` | S1 | |",
        "| route | `GET /users/:id` | S1 | `GET /users/{id}` |",
        "| route | `GET /health/auth` | S1 | `GET /health/auth` |",
        "| event | `user.logged_in` | S0 | `user.logged_in` |",
        "| body field | `email`, `password` | S1 | `POST /auth/login` |",
        "| number | `15 minutes` | S3 | `auth.token.lifetime` `\"15m\"` |",
    ];
    finds(kept, 2, PAGE, &table(good[0]));
    for row in &good[1..] {
        finds(kept, 0, PAGE, &table(row));
    }
    finds(kept, 0, "docs/other.md", &table(bad[0]));
    let table = |cell: &str| format!("| in the document | in the product | why |\n|---|---|---|\n| {cell} |\n");
    finds(unbuilt, 2, PAGE, &table("`GET /users/:id`, `user.logged_in` | not built | - "));
    finds(unbuilt, 0, PAGE, &table("`GET /users/:id`, `user.logged_in` | changed | - "));
    finds(unbuilt, 0, PAGE, &table("`GET /nowhere`, `user.vanished` and words | not built yet | - "));
}
