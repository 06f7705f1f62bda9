//! Names and contact points of persons: user name, first and last names, phone number, locale.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, limits};

macro_rules! text_value {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<$name> for String { fn from(value: $name) -> String { value.0 } }
        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> { Self::parse(&text) }
        }
    )*};
}

text_value! {
    /// A user name: `[a-z0-9][a-z0-9._-]{2,31}`; upper case is converted to lower case.
    UserName;
    /// A first or last name: 1 to 100 characters, no control characters, no markup.
    PersonName;
    /// A phone number by E.164: `+` and 7 to 15 digits.
    PhoneNumber;
    /// A language tag by BCP 47: a language of 2 or 3 letters, optionally a region, e.g. `de-AT`.
    Locale;
}

/// User names that are refused, since they look like names of the operator or the program.
const RESERVED: [&str; 24] = [
    "admin",
    "administrator",
    "root",
    "system",
    "majordomo",
    "support",
    "help",
    "security",
    "postmaster",
    "abuse",
    "webmaster",
    "hostmaster",
    "info",
    "mail",
    "me",
    "api",
    "auth",
    "login",
    "register",
    "null",
    "undefined",
    "anonymous",
    "everyone",
    "noreply",
];

impl UserName {
    /// Converts ASCII to lower case and checks the form and the reserved list.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let lowered = text.to_ascii_lowercase();
        let mut bytes = lowered.bytes();
        let first_ok = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let rest_ok = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
        if !(first_ok && rest_ok && (3..=32).contains(&lowered.len())) {
            return Err(Invalid::new(
                "username_format",
                "must be 3 to 32 characters: letters a to z, digits, '.', '_' or '-', beginning with a letter or digit",
            ));
        }
        if RESERVED.contains(&lowered.as_str()) {
            return Err(Invalid::new("username_reserved", "this user name is reserved; choose another one"));
        }
        Ok(Self(lowered))
    }
}

impl PersonName {
    /// Trims white space at the ends; refuses control characters, `<`, `>` and over-long names.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > limits::PERSON_NAME_MAX {
            return Err(Invalid::told("length", format!("must be 1 to {} characters", limits::PERSON_NAME_MAX)));
        }
        if text.chars().any(is_unfit) {
            return Err(Invalid::new(
                "control_character",
                "must not contain control or formatting characters, '<' or '>'",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Control, bidirectional-override, invisible and markup characters are not allowed in a name.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '<' | '>' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

impl PhoneNumber {
    /// Accepts spaces, dots, hyphens and brackets between digits and drops them.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FORMAT: Invalid = Invalid::new(
            "phone_format",
            "must be an international number: '+', country code and number, 7 to 15 digits",
        );
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')')).collect();
        let Some(number) = digits.strip_prefix('+') else {
            return Err(FORMAT);
        };
        let ok = (7..=15).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
            && !number.starts_with('0')
            && text.len() <= limits::PHONE_INPUT_MAX;
        if ok { Ok(Self(digits)) } else { Err(FORMAT) }
    }
}

impl Locale {
    /// Converts the language to lower case and the region to upper case.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FORMAT: Invalid = Invalid::new("locale_format", "must be a language tag such as 'en' or 'de-AT'");
        let (language, region) = match text.split_once(['-', '_']) {
            Some((language, region)) => (language, Some(region)),
            None => (text, None),
        };
        let language_ok = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
        let region_ok = region.is_none_or(|r| {
            (r.len() == 2 && r.bytes().all(|b| b.is_ascii_alphabetic()))
                || (r.len() == 3 && r.bytes().all(|b| b.is_ascii_digit()))
        });
        if !(language_ok && region_ok) {
            return Err(FORMAT);
        }
        let language = language.to_ascii_lowercase();
        Ok(Self(match region {
            Some(region) => format!("{language}-{}", region.to_ascii_uppercase()),
            None => language,
        }))
    }
}
