//! The profile: the fields that a registration, a user and the API share.

use serde::{Deserialize, Serialize};

use crate::types::{Locale, PersonName, PhoneNumber, UserName};

/// The profile of a user or a registration. A new field is added here and in `http/routes/user/profile_body.rs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user name; unique among users in its normal form. A registration reserves it until it expires.
    pub username: Option<UserName>,
    /// The name that others see.
    pub display_name: Option<PersonName>,
    pub first_name: Option<PersonName>,
    pub last_name: Option<PersonName>,
    /// Phone number by E.164.
    pub phone: Option<PhoneNumber>,
    /// The language of mail.
    pub locale: Option<Locale>,
}
