//! The properties of a template. The templates are rows of `templates.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::templates::for_each_template;
use crate::types::Locale;

/// The category of a notification, for preferences and limits. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// A one-time code: cannot be switched off, and is suppressed rather than sent late.
    Code,
    /// Security of the user: cannot be switched off.
    Security,
    /// Changes of the user.
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

    /// The lane of its deliveries.
    pub fn lane(self) -> DeliveryLane {
        match self {
            Self::Code | Self::Security => DeliveryLane::Urgent,
            Self::Account => DeliveryLane::Normal,
        }
    }
}

/// The order of sending: codes and security before other mail. Stored by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeliveryLane {
    /// Codes and security.
    Urgent,
    /// All other categories.
    Normal,
}

impl DeliveryLane {
    /// Both lanes, in the order of sending.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Normal];

    /// The byte in keys.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
        }
    }
}

/// The channel of a delivery. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
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

/// The limit of deliveries of one template to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendLimit {
    /// No limit here: the service that issues the code or the invitation limits it (60 s apart, 5 per hour, 10 per
    /// day).
    AtItsSource,
    /// At least `notify.email.same_kind_every` apart, and at most this many in 24 h.
    Usual {
        /// In 24 h.
        a_day: usize,
    },
    /// At least an hour apart, and at most this many in 24 h.
    Hourly {
        /// In 24 h.
        a_day: usize,
    },
}

/// What happens to a waiting older delivery of the same template to the same owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderDelivery {
    /// It is sent as well.
    Kept,
    /// It is suppressed: the new one contains the same information.
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
        /// A template. Stored by position: new variants go to the end.
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
    /// The name: in file names, on the wire, in events.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The template with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|template| template.as_str() == name)
    }

    /// The category.
    pub fn category(self) -> Category {
        self.row().category
    }

    /// The channel.
    pub fn channel(self) -> Channel {
        self.row().channel
    }

    /// The variables it may use in addition to the shared ones.
    pub fn variables(self) -> &'static [&'static str] {
        self.row().variables
    }

    /// How long a delivery is sent after its creation. A delivery with a code ends with the code.
    pub fn worth_sending_for(self) -> Duration {
        Duration::from_secs(3_600 * self.row().hours)
    }

    /// The limit of deliveries to one recipient.
    pub fn send_limit(self) -> SendLimit {
        self.row().limit
    }

    /// What happens to a waiting older delivery.
    pub fn older(self) -> OlderDelivery {
        self.row().older
    }
}

/// The languages to search for, the best first: `de-AT`, `de`, then `en`.
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
    fn each_template_has_a_name_of_its_own() {
        for template in TemplateName::ALL {
            assert_eq!(TemplateName::from_name(template.as_str()), Some(*template));
        }
    }

    /// What is named here comes from the program, its operator or the network. A new variable that a person types must
    /// not be in mail to an unproven address, nor in the first mail after proof.
    #[test]
    fn no_mail_holds_what_a_person_typed() {
        let known = ["code", "link", "minutes", "expires_at", "until", "at", "ip_address", "device"];
        for template in TemplateName::ALL {
            for variable in template.variables().iter().chain(SHARED_VARIABLES) {
                let is_shared = ["app", "app_url", "locale", "subject"].contains(variable);
                assert!(is_shared || known.contains(variable), "{}: {variable}", template.as_str());
            }
        }
    }
}
