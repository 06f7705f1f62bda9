//! The profile fields of a user, in requests and answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::user::Profile,
    http::fields::{Fields, FromFields},
    types::{Locale, PersonName, PhoneNumber, UserName},
};

/// The profile of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileBody {
    /// The user name: 3 to 32 characters of a to z, 0 to 9, '.', '_', '-'.
    #[schema(example = "ada")]
    username: Option<String>,
    /// The name that others see.
    #[schema(example = "Ada L.")]
    display_name: Option<String>,
    /// First name.
    #[schema(example = "Ada")]
    first_name: Option<String>,
    /// Last name.
    #[schema(example = "Lovelace")]
    last_name: Option<String>,
    /// Phone number by E.164.
    #[schema(example = "+4369912345678")]
    phone: Option<String>,
    /// Language tag (BCP 47); the language of mail.
    #[schema(example = "en")]
    locale: Option<String>,
}

impl From<Profile> for ProfileBody {
    fn from(profile: Profile) -> Self {
        Self {
            username: profile.username.map(String::from),
            display_name: profile.display_name.map(String::from),
            first_name: profile.first_name.map(String::from),
            last_name: profile.last_name.map(String::from),
            phone: profile.phone.map(String::from),
            locale: profile.locale.map(String::from),
        }
    }
}

impl FromFields for Profile {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let username = body.optional("username").text(UserName::parse);
        let display_name = body.optional("displayName").text(PersonName::parse);
        let first_name = body.optional("firstName").text(PersonName::parse);
        let last_name = body.optional("lastName").text(PersonName::parse);
        let phone = body.optional("phone").text(PhoneNumber::parse);
        let locale = body.optional("locale").text(Locale::parse);
        Some(Self {
            username: username?,
            display_name: display_name?,
            first_name: first_name?,
            last_name: last_name?,
            phone: phone?,
            locale: locale?,
        })
    }
}
