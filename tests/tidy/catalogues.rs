//! Each event of a service is in the list of that service, and its number is in the service's range.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source, Token};

/// The events of a folder below `src/domain`.
#[derive(Default)]
struct FolderEvents {
    declared: BTreeMap<String, u16>,
    listed: BTreeSet<String>,
}

fn by_folder<'a>(sources: impl IntoIterator<Item = &'a Source>) -> BTreeMap<String, FolderEvents> {
    let mut folders: BTreeMap<String, FolderEvents> = BTreeMap::new();
    for source in sources {
        let Some(rest) = source.path.strip_prefix("src/domain/") else { continue };
        let folder = folders.entry(rest.split('/').next().unwrap_or(rest).to_owned()).or_default();
        for at in 0..source.tokens.len() {
            let word = |offset: usize| source.tokens.get(at + offset).map_or("", |token| token.text.as_str());
            match (word(0), word(1), word(2)) {
                ("event", "!", "{") => {
                    if let Some(number) = number_of(word(5)) {
                        folder.declared.insert(word(3).to_owned(), number);
                    }
                }
                ("service_events", "!", "{") => folder.listed.extend(list_of(&source.tokens[at + 3..])),
                _ => {}
            }
        }
    }
    folders
}

fn number_of(literal: &str) -> Option<u16> {
    u16::from_str_radix(literal.strip_prefix("0x")?, 16).ok()
}

/// The names behind the colon of `AuthEvent of Auth: A, B }`.
fn list_of(tokens: &[Token]) -> impl Iterator<Item = String> {
    let names = tokens.iter().skip_while(|token| token.text != ":").skip(1);
    let names = names.take_while(|token| token.text != "}").filter(|token| token.text != ",");
    names.map(|token| token.text.clone())
}

fn findings(folders: &BTreeMap<String, FolderEvents>) -> Vec<String> {
    let mut found = Vec::new();
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    for (folder, FolderEvents { declared, listed }) in folders {
        for (event, number) in declared {
            if !listed.contains(event) {
                found.push(format!("{event} is not in the list of {folder}"));
            }
            let owner = owners.entry(number >> 8).or_insert(folder);
            if owner != folder {
                found.push(format!("{event} of {folder} has the number {number:#06x} in the range of {owner}"));
            }
        }
        let services: BTreeSet<u16> = declared.values().map(|number| number >> 8).collect();
        if services.len() > 1 {
            found.push(format!("the events of {folder} are in several ranges"));
        }
    }
    found
}

#[test]
fn each_event_is_in_the_list_and_in_the_range_of_its_service() {
    let folders = by_folder(source::all());
    let count: usize = folders.values().map(|folder| folder.declared.len()).sum();
    assert!(count >= 28, "the rule sees {count} events");
    assert_eq!(findings(&folders), Vec::<String>::new());
}

#[test]
fn the_rule_can_fail() {
    let of = |folder: &str, number: &str, listed: &str| {
        let list = format!("service_events! {{ /// It.\n XEvent of X: {listed} }}");
        let event = format!("event! {{ /// It.\n {folder}Made = {number}, \"a.made\", to [], schema 1 {{}} }}");
        Source::sample(&format!("src/domain/{folder}/events.rs"), &(list + &event))
    };
    let count = |sources: &[Source]| findings(&by_folder(sources)).len();
    assert_eq!(count(&[of("a", "0x0101", "aMade"), of("b", "0x0201", "bMade")]), 0);
    assert_eq!(count(&[of("a", "0x0101", "aOther")]), 1, "not listed");
    assert_eq!(count(&[of("a", "0x0101", "aMade"), of("b", "0x0102", "bMade")]), 1, "in the range of another service");
}
