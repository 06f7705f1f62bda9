//! The templates that are shipped, the variables each may use, and what each says about its deliveries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::Locale;

/// What a notification is about, for preferences and limits. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// A one-time code: cannot be switched off, dropped rather than sent late.
    Code,
    /// What an owner must know to keep the account: cannot be switched off.
    Security,
    /// News of the account.
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

/// A way by which deliveries go. Stored by position: new ones go to the end.
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

/// A template. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TemplateName {
    /// After the address was proven.
    Welcome,
    /// The code that proves an address.
    VerificationCode,
    /// The code that lets a new password be set.
    ResetCode,
    /// The password was changed or reset.
    PasswordChanged,
    /// A sign-in on a device that was not known.
    NewDevice,
    /// Sign-in is shut for a while after too many failures.
    LockedOut,
    /// Somebody tried to register the owner's address.
    AddressTaken,
    /// A session was ended because its token came back a second time.
    SessionEnded,
    /// The code by which a signed-in user proves again who they are.
    StepUpCode,
    /// The code that proves a phone.
    PhoneCode,
    /// An invitation to register.
    Invitation,
}

/// Variables that every template may use.
pub const SHARED_VARIABLES: &[&str] = &["app", "app_url", "locale", "subject"];

impl TemplateName {
    /// All templates.
    pub const ALL: [Self; 11] = [
        Self::Welcome,
        Self::VerificationCode,
        Self::ResetCode,
        Self::PasswordChanged,
        Self::NewDevice,
        Self::LockedOut,
        Self::AddressTaken,
        Self::SessionEnded,
        Self::StepUpCode,
        Self::PhoneCode,
        Self::Invitation,
    ];

    /// The name: of the files, on the wire, in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::VerificationCode => "verification_code",
            Self::ResetCode => "reset_code",
            Self::PasswordChanged => "password_changed",
            Self::NewDevice => "new_device",
            Self::LockedOut => "locked_out",
            Self::AddressTaken => "address_taken",
            Self::SessionEnded => "session_ended",
            Self::StepUpCode => "step_up_code",
            Self::PhoneCode => "phone_code",
            Self::Invitation => "invitation",
        }
    }

    /// The template of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.as_str() == name)
    }

    /// The byte in keys.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Welcome => 0,
            Self::VerificationCode => 1,
            Self::ResetCode => 2,
            Self::PasswordChanged => 3,
            Self::NewDevice => 4,
            Self::LockedOut => 5,
            Self::AddressTaken => 6,
            Self::SessionEnded => 7,
            Self::StepUpCode => 8,
            Self::PhoneCode => 9,
            Self::Invitation => 10,
        }
    }

    /// What it is about.
    pub fn category(self) -> Category {
        match self {
            Self::VerificationCode | Self::ResetCode | Self::StepUpCode | Self::PhoneCode => Category::Code,
            Self::PasswordChanged | Self::NewDevice | Self::LockedOut | Self::AddressTaken | Self::SessionEnded => {
                Category::Security
            }
            Self::Welcome | Self::Invitation => Category::Account,
        }
    }

    /// By which way it goes.
    pub fn channel(self) -> Channel {
        match self {
            Self::PhoneCode => Channel::Sms,
            Self::Welcome
            | Self::VerificationCode
            | Self::ResetCode
            | Self::PasswordChanged
            | Self::NewDevice
            | Self::LockedOut
            | Self::AddressTaken
            | Self::SessionEnded
            | Self::StepUpCode
            | Self::Invitation => Channel::Email,
        }
    }

    /// The variables it may use beside the common ones. What a person typed (`first_name`) is only in mail to proven
    /// addresses; `device` is a description in our words, never the header a client sent.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Welcome => &["first_name"],
            Self::VerificationCode | Self::ResetCode | Self::StepUpCode => {
                &["code", "minutes", "expires_at", "at", "ip_address"]
            }
            Self::PhoneCode => &["code", "minutes"],
            Self::Invitation => &["code", "until"],
            Self::PasswordChanged | Self::NewDevice => &["at", "ip_address", "device"],
            Self::LockedOut => &["at", "ip_address", "minutes"],
            Self::AddressTaken | Self::SessionEnded => &["at", "ip_address"],
        }
    }

    /// How long a delivery is worth sending; codes have the code's own end.
    pub fn worth_sending_for(self) -> Duration {
        const HOUR: Duration = Duration::from_secs(3_600);
        match self {
            Self::VerificationCode | Self::ResetCode | Self::StepUpCode | Self::PhoneCode => HOUR,
            Self::LockedOut => HOUR * 6,
            Self::PasswordChanged | Self::NewDevice | Self::AddressTaken | Self::SessionEnded => HOUR * 24,
            Self::Welcome | Self::Invitation => HOUR * 72,
        }
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
    fn names_and_bytes_tell_all_templates_apart() {
        for template in TemplateName::ALL {
            assert_eq!(TemplateName::from_name(template.as_str()), Some(template));
            assert_eq!(TemplateName::ALL[usize::from(template.as_byte())], template);
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
