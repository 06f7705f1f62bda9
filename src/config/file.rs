//! The settings file: reads TOML into settings with line numbers.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{Spanned, de::DeValue};

use super::{ConfigError, SettingOrigin, Written, origin::WrittenSetting};

/// The settings of a file, and its errors. `is_section` knows the names of sections.
pub(super) fn read(path: &Path, is_section: &dyn Fn(&str) -> bool) -> (Vec<WrittenSetting>, Vec<ConfigError>) {
    let text = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return (Vec::new(), vec![unreadable(path, "not UTF-8", "save it as UTF-8")]),
        Err(error) => {
            let fix = "name a file that can be read, or none";
            return (Vec::new(), vec![unreadable(path, &format!("cannot be read ({error})"), fix)]);
        }
    };
    let (document, faults) = toml::de::DeTable::parse_recoverable(&text);
    let mut reader = Reader { path: path.to_owned(), text: &text, is_section, settings: Vec::new() };
    let errors: Vec<ConfigError> = faults
        .iter()
        .map(|fault| ConfigError {
            key: String::new(),
            value: None,
            origin: reader.origin(&fault.span().unwrap_or(0..0)),
            // Only the message: the error's own display contains the line, which may hold a secret.
            problem: format!("not TOML ({})", fault.message().lines().collect::<Vec<_>>().join(", ")),
            fix: "see https://toml.io for the notation".to_owned(),
        })
        .collect();
    if errors.is_empty() {
        reader.table("", document.get_ref());
    }
    (reader.settings, errors)
}

fn unreadable(path: &Path, problem: &str, fix: &str) -> ConfigError {
    ConfigError {
        key: String::new(),
        value: None,
        origin: SettingOrigin::WholeFile(path.to_owned()),
        problem: problem.to_owned(),
        fix: fix.to_owned(),
    }
}

struct Reader<'a> {
    path: PathBuf,
    text: &'a str,
    is_section: &'a dyn Fn(&str) -> bool,
    settings: Vec<WrittenSetting>,
}

impl Reader<'_> {
    fn origin(&self, span: &Range<usize>) -> SettingOrigin {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        SettingOrigin::File { path: self.path.clone(), line }
    }

    fn table(&mut self, path: &str, table: &toml::de::DeTable<'_>) {
        for (name, value) in table {
            let key = super::section::join(path, &segment(name.get_ref()));
            match value.get_ref() {
                DeValue::Table(inner) if (self.is_section)(&key) => self.table(&key, inner),
                DeValue::Table(_)
                | DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => {
                    let origin = self.origin(&name.span());
                    self.settings.push(WrittenSetting { key, written: Written::Toml(owned(value)), origin });
                }
            }
        }
    }
}

/// The name of a key, quoted if a character such as a dot would make it ambiguous.
fn segment(name: &str) -> String {
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(simple) { name.to_owned() } else { format!("{name:?}") }
}

fn owned(value: &Spanned<DeValue<'_>>) -> toml::Value {
    match value.get_ref() {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        // A number that does not fit into i64 is outside every key's range; the largest i64 is too.
        DeValue::Integer(number) => {
            toml::Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX))
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => toml::Value::Boolean(*value),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(rows) => toml::Value::Array(rows.iter().map(owned).collect()),
        DeValue::Table(_) => toml::Value::Table(toml::Table::new()),
    }
}
