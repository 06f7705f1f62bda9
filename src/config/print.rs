//! The settings as TOML: the sample with its comments, the settings in force with their origins, one explained key.

use std::fmt::Write as _;

use super::{
    Config, LoadedConfig, Section, SettingOrigin, ValueSlot, Visitor, environment,
    load::{IN_FILE, KnownKeys},
    nearest::nearest,
};

/// The width at which comments are wrapped.
const WIDTH: usize = 118;

/// `config.toml`: every key with its default and its comment.
pub fn sample() -> String {
    sample_of(&mut Config::default())
}

/// The same for other settings.
pub(super) fn sample_of(config: &mut Config) -> String {
    written(config, Lines::Set)
}

/// The file of `majordomo config init`: the sample with every key commented out, so that defaults of later releases
/// apply.
pub fn starting_point() -> String {
    written(&mut Config::default(), Lines::CommentedOut)
}

/// The settings in force, each with its origin; secrets as `***`.
pub fn in_force(loaded: &LoadedConfig) -> String {
    let mut config = loaded.config.clone();
    let mut printer = InForce { text: String::new(), loaded };
    config.visit("", &mut printer);
    printer.text
}

/// The value of `key` as TOML, secrets as `***`; None if there is no such key.
pub(super) fn shown(config: &Config, key: &str) -> Option<String> {
    rows(&mut config.clone()).into_iter().find(|row| row.key == key).map(|row| row.value)
}

/// The description of one key, for operators.
pub fn explain(loaded: &LoadedConfig, key: &str) -> Result<String, UnknownKey> {
    let default = rows(&mut Config::default());
    let section = |row: &&Row| row.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let Some(row) = default.iter().find(|row| row.key == key) else {
        let inside: Vec<&str> = default.iter().filter(section).map(|row| row.key.as_str()).collect();
        if !inside.is_empty() {
            return Ok(format!("{key} is a section with the keys\n  {}\n", inside.join("\n  ")));
        }
        let meant = nearest(key, default.iter().map(|row| row.key.as_str())).map(str::to_owned);
        return Err(UnknownKey { meant });
    };
    let origin = loaded.origins.get(key).unwrap_or(&SettingOrigin::Default);
    let value = shown(&loaded.config, key).unwrap_or_default();
    let mut text = format!("{key}\n  {}\n", row.about);
    for (name, what) in [
        ("value", format!("{value} ({origin})")),
        ("default", row.value.clone()),
        ("takes", row.kind.clone()),
        ("variable", environment::variable(key)),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<9} {what}");
    }
    Ok(text)
}

/// The key does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The key that was probably meant.
    pub meant: Option<String>,
}

/// Every key with its comment, one per line.
pub fn every_key() -> String {
    rows(&mut Config::default()).into_iter().map(|row| format!("{:<38} {}\n", row.key, row.about)).collect()
}

/// `docs/reference/config.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Printed by a test from the code; do not edit. `config.toml` at the root of the repository shows the same keys \
         as a file.\n\n\
         A value is looked for in the flags, then in the environment (`MAJORDOMO__SECTION__KEY`), then in the file, \
         then here. The file is the first of: `--config FILE`, `MAJORDOMO_CONFIG`, `majordomo.toml` in the working \
         directory. \
         Where `x` is a secret, `x_file` names a file that holds it.\n",
    );
    let mut printer = Reference { text: &mut text };
    Config::default().visit("", &mut printer);
    text
}

struct Row {
    key: String,
    about: String,
    kind: String,
    value: String,
}

/// Every key, and the `_file` twins of secrets.
fn rows(config: &mut Config) -> Vec<Row> {
    struct Rows(Vec<Row>);
    impl Visitor for Rows {
        fn section(&mut self, _path: &str, _about: &'static str) {}
        fn key(&mut self, key: String, about: &'static str, slot: &mut dyn ValueSlot) {
            let twin = slot.is_secret().then(|| twin(&key));
            let about = about.trim().to_owned();
            self.0.push(Row { key, about, kind: slot.kind(), value: slot.show() });
            self.0.extend(twin);
        }
    }
    let mut rows = Rows(Vec::new());
    config.visit("", &mut rows);
    rows.0
}

/// The key for the file of the secret `key`.
fn twin(key: &str) -> Row {
    let name = key.rsplit('.').next().unwrap_or(key);
    Row {
        key: format!("{key}{IN_FILE}"),
        about: format!("A file that holds {name} alone, instead of {name} itself."),
        kind: "a path, relative to the working directory, or \"\" for none".to_owned(),
        value: "\"\"".to_owned(),
    }
}

/// The form of keys in a written file.
#[derive(Clone, Copy)]
enum Lines {
    Set,
    CommentedOut,
}

fn written(config: &mut Config, lines: Lines) -> String {
    struct Sample {
        text: String,
        lines: Lines,
    }
    impl Sample {
        fn row(&mut self, row: &Row) {
            let name = row.key.rsplit('.').next().unwrap_or(&row.key);
            let mark = match self.lines {
                Lines::Set => "",
                Lines::CommentedOut => "#",
            };
            comment(&mut self.text, &row.about);
            let _ = writeln!(self.text, "{mark}{name} = {}", row.value);
        }
    }
    impl Visitor for Sample {
        fn section(&mut self, path: &str, about: &'static str) {
            if !path.is_empty() {
                self.text.push('\n');
            }
            comment(&mut self.text, about.trim());
            if path.is_empty() {
                self.text.push('\n');
            } else {
                let _ = writeln!(self.text, "[{path}]");
            }
        }
        fn key(&mut self, key: String, about: &'static str, slot: &mut dyn ValueSlot) {
            let twin = slot.is_secret().then(|| twin(&key));
            self.row(&Row { key, about: about.trim().to_owned(), kind: slot.kind(), value: slot.show() });
            if let Some(twin) = twin {
                self.row(&twin);
            }
        }
    }
    let mut sample = Sample { text: String::new(), lines };
    config.visit("", &mut sample);
    sample.text
}

/// Adds `about` as a wrapped comment.
fn comment(text: &mut String, about: &str) {
    let mut line = String::from("#");
    for word in about.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

struct InForce<'a> {
    text: String,
    loaded: &'a LoadedConfig,
}

impl Visitor for InForce<'_> {
    fn section(&mut self, path: &str, _about: &'static str) {
        if !path.is_empty() {
            let _ = write!(self.text, "\n[{path}]\n");
        }
    }

    fn key(&mut self, key: String, _about: &'static str, slot: &mut dyn ValueSlot) {
        let origin = self.loaded.origins.get(&key).unwrap_or(&SettingOrigin::Default);
        let name = key.rsplit('.').next().unwrap_or(&key);
        let _ = writeln!(self.text, "{:<40} # {origin}", format!("{name} = {}", slot.show()));
    }
}

struct Reference<'a> {
    text: &'a mut String,
}

impl Reference<'_> {
    fn row(&mut self, row: &Row) {
        let cell = |text: &str| text.replace('|', "\\|");
        let (key, value) = (&row.key, cell(&row.value));
        let _ = writeln!(self.text, "| `{key}` | `{value}` | {} | {} |", cell(&row.kind), cell(&row.about));
    }
}

impl Visitor for Reference<'_> {
    fn section(&mut self, path: &str, about: &'static str) {
        let title = if path.is_empty() { "Everything".to_owned() } else { format!("`[{path}]`") };
        let _ = write!(self.text, "\n## {title}\n\n{}\n", about.trim());
    }

    fn key(&mut self, key: String, about: &'static str, slot: &mut dyn ValueSlot) {
        // The head of the table precedes a section's first key; sections without keys have none.
        if self.text.ends_with('\n') && !self.text.ends_with("|\n") {
            self.text.push_str("\n| key | default | takes | what it is |\n|---|---|---|---|\n");
        }
        let twin = slot.is_secret().then(|| twin(&key));
        self.row(&Row { key, about: about.trim().to_owned(), kind: slot.kind(), value: slot.show() });
        if let Some(twin) = twin {
            self.row(&twin);
        }
    }
}

/// The names of all sections and keys, for completions and tests.
pub fn key_names() -> Vec<String> {
    KnownKeys::of(&mut Config::default()).keys
}
