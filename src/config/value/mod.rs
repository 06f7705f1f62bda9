//! How values are written in files, in the environment and on the command line.
//!
//! Owns: the strict notation of every type of value. Must not know: which keys exist, or the source of a value.
//! Begin with `ConfigValue`; types that are written as one text implement `Text`, closed sets of words `Choice`.

mod choice;
mod duration;
mod link;
mod origin;
mod plain;
mod sender;
mod size;
mod smtp;
mod url;

pub use choice::Choice;
pub(super) use duration::days;
pub use link::LinkTemplate;
pub use origin::WebOrigin;
pub use sender::MailSender;
pub use size::ByteSize;
pub use smtp::SmtpUrl;
pub use url::HttpUrl;

/// A value as written in its source.
#[derive(Debug, Clone)]
pub enum Written {
    /// In a file, where TOML gives it a type.
    Toml(toml::Value),
    /// In the environment, on the command line or in a secret's file, where every value is text.
    Plain(String),
}

impl Written {
    /// The text; `None` for a TOML value that is no string.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Toml(value) => value.as_str(),
            Self::Plain(text) => Some(text),
        }
    }

    /// The type of the value, for messages.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Plain(_) | Self::Toml(toml::Value::String(_)) => "a text",
            Self::Toml(toml::Value::Integer(_)) => "a whole number",
            Self::Toml(toml::Value::Float(_)) => "a number with a fraction",
            Self::Toml(toml::Value::Boolean(_)) => "true or false",
            Self::Toml(toml::Value::Datetime(_)) => "a date or time",
            Self::Toml(toml::Value::Array(_)) => "a list",
            Self::Toml(toml::Value::Table(_)) => "a table",
        }
    }

    /// The value in the form for messages. The caller, who knows the key, masks secrets.
    pub fn show(&self) -> String {
        match self {
            Self::Toml(value) => value.to_string(),
            Self::Plain(text) => format!("{text:?}"),
        }
    }
}

/// A type of values of keys.
pub trait ConfigValue: Sized {
    /// Whether the value must never be printed.
    const SECRET: bool = false;
    /// The accepted values, in words, with an example.
    fn kind() -> String;
    /// Reads strictly, without conversions between types. The error states what was expected.
    fn read(written: &Written) -> Result<Self, String>;
    /// The value as TOML.
    fn show(&self) -> String;
}

/// A value that is written as one text.
pub trait Text: Sized {
    /// Whether the value must never be printed.
    const SECRET: bool = false;
    /// The accepted values, in words, with an example.
    fn notation() -> String;
    /// Reads the text, without the quotes.
    fn parse(text: &str) -> Result<Self, String>;
    /// The text; `parse` returns the same value for it.
    fn text(&self) -> String;
}

impl<T: Text> ConfigValue for T {
    const SECRET: bool = T::SECRET;
    fn kind() -> String {
        T::notation()
    }
    fn read(written: &Written) -> Result<Self, String> {
        let text = written.text().ok_or_else(|| format!("{} instead of a text in quotes", written.type_name()))?;
        T::parse(text)
    }
    fn show(&self) -> String {
        if T::SECRET { quoted("***") } else { quoted(&self.text()) }
    }
}

/// `""` means none.
impl<T: Text> ConfigValue for Option<T> {
    const SECRET: bool = T::SECRET;
    fn kind() -> String {
        format!("{}, or \"\" for none", T::notation())
    }
    fn read(written: &Written) -> Result<Self, String> {
        match written.text() {
            Some("") => Ok(None),
            Some(_) | None => T::read(written).map(Some),
        }
    }
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), ConfigValue::show)
    }
}

/// A list in TOML; in other sources a text with commas.
impl<T: Text> ConfigValue for Vec<T> {
    const SECRET: bool = T::SECRET;
    fn kind() -> String {
        format!("a list, each {}", T::notation())
    }
    fn read(written: &Written) -> Result<Self, String> {
        match written {
            Written::Plain(text) if text.trim().is_empty() => Ok(Self::new()),
            Written::Plain(text) => text.split(',').map(|one| T::parse(one.trim())).collect(),
            Written::Toml(toml::Value::Array(rows)) => {
                rows.iter().map(|row| T::read(&Written::Toml(row.clone()))).collect()
            }
            Written::Toml(_) => Err("not a list in brackets".to_owned()),
        }
    }
    fn show(&self) -> String {
        let rows: Vec<String> = self.iter().map(ConfigValue::show).collect();
        format!("[{}]", rows.join(", "))
    }
}

/// `text` as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
