//! What a template says about its deliveries. The templates themselves are rows of `templates.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::templates::for_each_template;
use crate::types::Locale;

/// What a notification is about, for preferences and limits. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// A one-time code: cannot be switched off, dropped rather than sent late.
    Code,
    /// What an owner must know to keep the account: cannot be switched off.
    Security,
    /// What happens to the account.
    Account,
}

impl Category {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Security => "security",
            Self::Account => "account",
        }
    }

    /// Which lane its deliveries take.
    pub fn lane(self) -> DeliveryLane {
        match self {
            Self::Code | Self::Security => DeliveryLane::Urgent,
            Self::Account => DeliveryLane::Normal,
        }
    }
}

/// Codes and security before all other mail. Stored by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeliveryLane {
    /// Codes and security.
    Urgent,
    /// All else.
    Normal,
}

impl DeliveryLane {
    /// Both lanes, the one that goes first at the front.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Normal];

    /// The byte in keys.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
        }
    }
}

/// By what deliveries go. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// Mail.
    Email,
    /// Text messages to a phone.
    Sms,
}

impl Channel {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// How many deliveries of one template a recipient gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendLimit {
    /// As many as are asked for: limited where the code or the invitation is issued (sixty seconds, 5 an hour, 10 a
    /// day).
    AtItsSource,
    /// `notify.email.same_kind_every` between two, and at most this many in 24 h.
    Usual {
        /// In 24 h.
        a_day: usize,
    },
    /// An hour between two, and at most this many in 24 h.
    Hourly {
        /// In 24 h.
        a_day: usize,
    },
}

/// What becomes of an older delivery of the same template to the same owner that still waits when a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderDelivery {
    /// It is sent as well.
    Kept,
    /// It is suppressed: the new one says all that it says.
    Replaced,
}

/// A row of the table of templates (`templates.rs`).
struct TemplateRow {
    name: &'static str,
    channel: Channel,
    category: Category,
    hours: u64,
    limit: SendLimit,
    older: OlderDelivery,
    variables: &'static [&'static str],
}

macro_rules! names {
    (() $($(#[$doc:meta])* $template:ident {
        name: $name:literal, channel: $channel:ident, category: $category:ident, hours: $hours:literal,
        limit: $limit:ident $({ a_day: $a_day:literal })?, older: $older:ident,
        variables: [$($variable:literal),*],
    })*) => {
        /// A template. Stored by position: new ones go to the end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum TemplateName { $($(#[$doc])* $template,)* }

        impl TemplateName {
            /// All templates.
            pub const ALL: &'static [Self] = &[$(Self::$template),*];

            fn row(self) -> &'static TemplateRow {
                match self {
                    $(Self::$template => &TemplateRow {
                        name: $name,
                        channel: Channel::$channel,
                        category: Category::$category,
                        hours: $hours,
                        limit: SendLimit::$limit $({ a_day: $a_day })?,
                        older: OlderDelivery::$older,
                        variables: &[$($variable),*],
                    },)*
                }
            }
        }
    };
}

for_each_template!(names);

/// Variables that every template may use.
pub const SHARED_VARIABLES: &[&str] = &["app", "app_url", "locale", "subject"];

impl TemplateName {
    /// The name: of the files, on the wire, in events.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The template of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|template| template.as_str() == name)
    }

    /// What it is about.
    pub fn category(self) -> Category {
        self.row().category
    }

    /// By which channel it goes.
    pub fn channel(self) -> Channel {
        self.row().channel
    }

    /// The variables it may use beside the shared ones.
    pub fn variables(self) -> &'static [&'static str] {
        self.row().variables
    }

    /// How long a delivery is worth sending; codes have the code's own end.
    pub fn worth_sending_for(self) -> Duration {
        Duration::from_secs(3_600 * self.row().hours)
    }

    /// How many of it a recipient gets.
    pub fn send_limit(self) -> SendLimit {
        self.row().limit
    }

    /// What becomes of an older one that still waits.
    pub fn older(self) -> OlderDelivery {
        self.row().older
    }
}

/// The languages to look for, best first: `de-AT`, `de`, then `en`.
pub fn languages(locale: Option<&Locale>) -> Vec<String> {
    let mut languages = Vec::with_capacity(3);
    if let Some(locale) = locale {
        languages.push(locale.as_str().to_owned());
        if let Some((language, _)) = locale.as_str().split_once('-') {
            languages.push(language.to_owned());
        }
    }
    if !languages.iter().any(|language| language == "en") {
        languages.push("en".to_owned());
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_falls_back_to_its_language_and_then_to_english() {
        for (locale, expected) in [
            (Some("de-AT"), vec!["de-AT", "de", "en"]),
            (Some("de"), vec!["de", "en"]),
            (Some("en-GB"), vec!["en-GB", "en"]),
            (None, vec!["en"]),
        ] {
            let locale = locale.map(|text| Locale::parse(text).unwrap());
            assert_eq!(languages(locale.as_ref()), expected);
        }
    }

    #[test]
    fn names_tell_all_templates_apart() {
        for template in TemplateName::ALL {
            assert_eq!(TemplateName::from_name(template.as_str()), Some(*template));
        }
    }

    #[test]
    fn mail_to_addresses_that_are_not_proven_takes_nothing_a_stranger_typed() {
        for template in [TemplateName::VerificationCode, TemplateName::Invitation] {
            for variable in template.variables() {
                assert!(!["first_name", "device", "username"].contains(variable), "{variable}");
            }
        }
    }
}
