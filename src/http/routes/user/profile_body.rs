//! The profile fields of a user, in requests and answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::forms::{LocaleForm, PersonNameForm, PhoneForm, UserNameForm};
use crate::{
    domain::user::Profile,
    http::fields::{Fields, FromFields},
    types::{Locale, PersonName, PhoneNumber, UserName},
};

/// The profile of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileBody {
    /// The user name; stored in lower case.
    #[schema(value_type = Option<UserNameForm>)]
    username: Option<String>,
    /// The name that others see.
    #[schema(value_type = Option<PersonNameForm>)]
    display_name: Option<String>,
    /// First name.
    #[schema(value_type = Option<PersonNameForm>)]
    first_name: Option<String>,
    /// Last name.
    #[schema(value_type = Option<PersonNameForm>)]
    last_name: Option<String>,
    /// Phone number by E.164.
    #[schema(value_type = Option<PhoneForm>)]
    phone: Option<String>,
    /// Language tag (BCP 47); the language of mail.
    #[schema(value_type = Option<LocaleForm>)]
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
