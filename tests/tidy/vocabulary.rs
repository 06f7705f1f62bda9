//! One word, one meaning: a type's name names one type, and retired words are not used.

use std::collections::BTreeMap;

use crate::names::words;
use crate::source::Source;
use crate::{finds, hold};

const TYPES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Types that share a name intentionally.
const SHARED: [&str; 0] = [];

/// Words that no name contains.
const RETIRED_WORDS: [&str; 10] =
    ["house", "household", "door", "bell", "desk", "errand", "pretence", "telltale", "leavings", "footing"];

/// Names that are retired as a whole; they may be a part of a longer name.
const RETIRED_NAMES: [&str; 28] = [
    "allowance",
    "awake",
    "errands",
    "family",
    "findings",
    "ground",
    "hands",
    "keeper",
    "lay_down",
    "lives",
    "member",
    "news",
    "occurrence",
    "parts",
    "patience",
    "pulse",
    "rehearsal",
    "room",
    "rooms",
    "seams",
    "setting",
    "site",
    "staff",
    "stranger",
    "surroundings",
    "tree_fate",
    "who",
    "yard",
];

/// Words that the name of a function or of a test does not contain either: programs send, return, log and receive, and
/// a user, a client or a caller is named as one.
const NOT_IN_FUNCTIONS: [&str; 26] = [
    "nobody",
    "somebody",
    "someone",
    "whoever",
    "everybody",
    "everyone",
    "anybody",
    "anyone",
    "whom",
    "told",
    "tells",
    "untold",
    "hear",
    "hears",
    "heard",
    "unheard",
    "speak",
    "speaks",
    "news",
    "stranger",
    "strangers",
    "guest",
    "guests",
    "anew",
    "leap",
    "leaps",
];

/// A declared type or module: its name, whether other files can see it, and its line.
struct Declared<'a> {
    name: &'a str,
    is_visible: bool,
    is_type: bool,
    line: usize,
}

/// The declarations in `source` outside of `impl` and `trait` blocks: the trait names its associated types.
fn declared(source: &Source) -> Vec<Declared<'_>> {
    let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for at in 0..source.tokens.len() {
        let (word, name) = (text(at), text(at + 1));
        let is_type = TYPES.contains(&word);
        let is_module = word == "mod" && text(at + 2) == ";";
        let before = at.checked_sub(1).map_or("", text);
        let is_visible = before == "pub" || before == ")";
        // Without a visibility an alias may be an associated type, and the word a part of another construct.
        let is_declared = is_module || (is_type && (is_visible || matches!(before, "" | ";" | "}" | "{" | "]")));
        let is_name = name.starts_with(|first: char| first.is_alphabetic());
        if is_declared && is_name && (word != "type" || is_visible) {
            found.push(Declared { name, is_visible, is_type, line: source.tokens[at].line });
        }
    }
    found
}

/// Every place that declares a type under a name that another type, visible outside its file, has already.
fn repeated(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_rust() && source.path.starts_with("src/")) {
        for item in declared(source).into_iter().filter(|item| item.is_type && item.is_visible) {
            places.entry(item.name).or_default().push(format!("{}:{}", source.path, item.line));
        }
    }
    let shared = places.into_iter().filter(|(name, places)| places.len() > 1 && !SHARED.contains(name));
    shared.map(|(name, places)| format!("`{name}` names several types: {}", places.join(", "))).collect()
}

fn is_retired(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    words.iter().any(|word| RETIRED_WORDS.contains(word)) || RETIRED_NAMES.contains(&words.join("_").as_str())
}

/// The words of a function's name. A name that is retired as a whole may be one, as `member` of a JSON object is.
fn is_retired_function(name: &str) -> bool {
    words(name).iter().any(|word| {
        let word = word.as_str();
        RETIRED_WORDS.contains(&word) || NOT_IN_FUNCTIONS.contains(&word)
    })
}

/// The functions that `source` declares, and their lines.
fn functions(source: &Source) -> impl Iterator<Item = (&str, usize)> {
    let pairs = source.tokens.iter().zip(source.tokens.iter().skip(1));
    let named = pairs.filter(|(word, name)| word.text == "fn" && name.text.starts_with(char::is_alphabetic));
    named.map(|(_, name)| (name.text.as_str(), name.line))
}

fn retired(source: &Source) -> Vec<String> {
    let places = ["src/", "tests/", "benches/"];
    if !source.is_rust() || !places.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let items = declared(source).into_iter().filter(|item| is_retired(item.name));
    let mut found: Vec<String> =
        items.map(|item| format!("{}:{}: `{}` is a retired word", source.path, item.line, item.name)).collect();
    let named = functions(source).filter(|(name, _)| is_retired_function(name));
    found.extend(named.map(|(name, line)| format!("{}:{line}: the function `{name}` has a retired word", source.path)));
    let parts = source.path.trim_end_matches(".rs").split('/');
    found.extend(
        parts.filter(|part| is_retired(part)).map(|part| format!("{}: `{part}` is a retired word", source.path)),
    );
    found
}

#[test]
fn a_type_that_other_files_see_has_a_name_of_its_own() {
    let found = repeated(crate::source::all());
    assert!(found.is_empty(), "{} finding(s):\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_name_has_a_retired_word() {
    hold(retired);
}

#[test]
fn the_rule_of_one_name_can_fail() {
    let sample = |text: &str| {
        let others = "pub struct Order; struct Row; pub trait Record {}";
        repeated(&[Source::sample("src/a.rs", others), Source::sample("src/b/c.rs", text)])
    };
    assert_eq!(sample("pub(super) enum Order {}").len(), 1);
    assert_eq!(sample("pub type Order = u8; pub(crate) trait Record {}").len(), 2);
    assert_eq!(sample("enum Order {} pub struct Row;"), Vec::<String>::new());
    assert_eq!(sample("impl A for B { type Order = u8; } // pub struct Order"), Vec::<String>::new());
}

#[test]
fn the_rule_of_retired_words_can_fail() {
    finds(retired, 1, "src/a.rs", "pub struct DoorKeys;");
    finds(retired, 1, "src/a.rs", "#[derive(Debug)]\nenum Who {}");
    finds(retired, 2, "src/a.rs", "mod rooms;\npub(crate) mod household;");
    finds(retired, 1, "tests/api/house.rs", "");
    finds(retired, 1, "src/persistence/tree_fate.rs", "");
    finds(retired, 0, "src/a.rs", "pub struct Doorway; struct WrittenSetting; mod store_keeper; fn member() {}");
    finds(retired, 2, "src/a.rs", "fn house() {} impl A { pub async fn tells_all(&self) {} } fn retold(f: fn(u8)) {}");
    finds(retired, 1, "tests/a.rs", "#[test]\nfn nobody_is_refused() {}");
}
