//! A user as the API shows one.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::profile_body::ProfileBody;
use crate::{
    domain::{
        auth::Registration,
        user::{Metadata, Status, User},
    },
    http::tags::Tagged,
    types::{Role, Roles, Timestamp},
};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBody {
    /// The id, from the registration on.
    #[schema(example = "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a")]
    id: String,
    /// The address mail goes to.
    email: String,
    #[serde(flatten)]
    profile: ProfileBody,
    /// What the user may do.
    roles: Vec<&'static str>,
    /// `pending`, `active`, `locked` or `disabled`.
    status: &'static str,
    /// Whether the address was proven.
    email_verified: bool,
    /// Whether the phone number was proven.
    phone_verified: bool,
    /// Written by the user.
    #[schema(value_type = Object)]
    metadata: Value,
    /// Written by administrators.
    #[schema(value_type = Object)]
    app_metadata: Value,
    /// When the account ends by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When the password was set last.
    #[schema(format = DateTime)]
    password_changed_at: Option<String>,
    /// When the record was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            profile: user.profile.into(),
            roles: names(&user.roles),
            status: user.status.as_str(),
            email_verified: user.email_verified,
            phone_verified: user.phone_verified,
            metadata: object(&user.metadata),
            app_metadata: object(&user.app_metadata),
            expires_at: user.expires_at.as_ref().map(Timestamp::to_string),
            password_changed_at: user.password_changed_at.as_ref().map(Timestamp::to_string),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
        }
    }
}

impl From<User> for Tagged<UserBody> {
    fn from(user: User) -> Self {
        Self { version: user.version, body: user.into() }
    }
}

impl UserBody {
    /// A registration as the user it may become: known and unknown addresses look the same.
    pub fn pending(registration: Registration) -> Self {
        Self {
            id: registration.id.to_string(),
            email: registration.email.as_str().to_owned(),
            profile: registration.profile.into(),
            roles: vec![Role::User.as_str()],
            status: Status::Pending.as_str(),
            email_verified: false,
            phone_verified: false,
            metadata: object(&Metadata::default()),
            app_metadata: object(&Metadata::default()),
            expires_at: None,
            password_changed_at: Some(registration.created_at.to_string()),
            created_at: registration.created_at.to_string(),
            updated_at: registration.created_at.to_string(),
        }
    }
}

fn names(roles: &Roles) -> Vec<&'static str> {
    roles.iter().map(Role::as_str).collect()
}

fn object(metadata: &Metadata) -> Value {
    serde_json::from_str(&metadata.0).unwrap_or_else(|_| Value::Object(serde_json::Map::new()))
}
