//! Names and contact points of persons: user name, first and last names, phone number, locale.

use unicode_normalization::UnicodeNormalization;

use super::{Invalid, limits, text_value};

text_value! {
    /// A user name: `[a-z0-9][a-z0-9._-]{2,31}`; upper case is converted to lower case.
    UserName by parse;
    /// A first, last or display name: 1 to 100 characters, one of them visible; no control characters, no markup, no
    /// `@`, no web address.
    PersonName by stored;
    /// A phone number by E.164: `+` and 7 to 15 digits.
    PhoneNumber by parse;
    /// A language tag by BCP 47: a language of 2 or 3 letters, optionally a region, e.g. `de-AT`.
    Locale by parse;
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
    /// Trims white space at the ends; refuses what is invisible, control characters, `<`, `>`, `@`, web addresses and
    /// over-long names: a name is shown to other people, and must not be a message to them.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let length = text.trim().chars().count();
        if text.is_empty() || length > limits::PERSON_NAME_MAX {
            return Err(Invalid::detailed("length", format!("must be 1 to {} characters", limits::PERSON_NAME_MAX)));
        }
        let text = text.trim();
        if text.chars().all(is_invisible) {
            return Err(Invalid::new("not_visible", "must have a character that can be seen"));
        }
        if text.chars().any(is_unfit) {
            return Err(Invalid::new(
                "control_character",
                "must not contain control or formatting characters, '<' or '>'",
            ));
        }
        let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
        if folded.contains('@') {
            return Err(Invalid::new("at_sign", "must not contain '@'"));
        }
        if holds_web_address(&folded) {
            return Err(Invalid::new(
                "web_address",
                "must not contain a web address; write a space after a dot that is none of one",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// A name that was accepted before, maybe by fewer rules.
    fn stored(text: &str) -> Result<Self, Invalid> {
        Ok(Self(text.to_owned()))
    }
}

/// Control, bidirectional-override, invisible and markup characters are not allowed in a name.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '<' | '>' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// White space, control characters, and characters that leave no mark: those of the property
/// Default_Ignorable_Code_Point (Unicode 16, UAX 44), and the empty Braille pattern.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || matches!(c, '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether mail programs may show a part of `text` as a link: `//`, `www.`, or a dot between a letter or digit and two
/// letters, as in `example.com`. The dots of IDNA (RFC 3490 section 3.1) count as dots.
fn holds_web_address(text: &str) -> bool {
    let dotted = text.replace(['\u{3002}', '\u{ff61}'], ".");
    let after = |part: &str| {
        let mut ahead = part.chars();
        [ahead.next(), ahead.next()].iter().all(|next| next.is_some_and(char::is_alphabetic))
    };
    let parts: Vec<&str> = dotted.split('.').collect();
    let is_domain = parts.windows(2).any(|pair| match pair {
        [before, behind] => before.chars().next_back().is_some_and(char::is_alphanumeric) && after(behind),
        _ => false,
    });
    is_domain || dotted.contains("//") || dotted.contains("www.")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_accepted_by_fewer_rules_is_still_read() {
        for kept in ["ada@example.com", "www.ada.example", "\u{3164}"] {
            assert!(PersonName::parse(kept).is_err(), "{kept}");
            assert_eq!(PersonName::try_from(kept.to_owned()).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_invisible_is_no_name_and_what_is_visible_is_one() {
        for text in [" ", "\u{a0}", "\u{200d}\u{200d}", "\u{2800}", "\u{3164}", "\u{115f}", "\u{e0041}", "\u{1d173}"] {
            assert_eq!(PersonName::parse(text).unwrap_err().code, "not_visible", "{text:?}");
        }
        for text in ["a", "\u{738b}", "\u{2603}", "1", "-"] {
            assert_eq!(PersonName::parse(&format!("  {text} ")).unwrap().as_str(), text);
        }
        let longest = "a".repeat(limits::PERSON_NAME_MAX);
        assert!(PersonName::parse(&longest).is_ok());
        assert_eq!(PersonName::parse(&format!("{longest}a")).unwrap_err().code, "length");
    }

    #[test]
    fn a_name_is_no_link_and_an_initial_none_either() {
        for text in ["x.com", "1.com", "a b.museum c", "https://x", "WwW.x", "a\u{3002}cn", "a\u{ff61}cn", "x//y"] {
            assert_eq!(PersonName::parse(text).unwrap_err().code, "web_address", "{text}");
        }
        for text in ["J.R.R. Tolkien", "J. R.", "St. John", "a.", ".net", "2.0", "A/B", "w. w. w. x"] {
            assert!(PersonName::parse(text).is_ok(), "{text}");
        }
    }
}
