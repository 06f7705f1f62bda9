//! The JSON form of a user.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::profile_body::ProfileBody;
use crate::http::openapi::forms::{EmailForm, IdForm, MetadataForm, RoleForm, TimeForm, UserStatusForm};
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
    /// The id; the same as that of the registration.
    #[schema(value_type = IdForm)]
    id: String,
    /// The address that mail is sent to.
    #[schema(value_type = EmailForm)]
    email: String,
    #[serde(flatten)]
    profile: ProfileBody,
    /// The roles of the user.
    #[schema(value_type = Vec<RoleForm>)]
    roles: Vec<&'static str>,
    /// The status of the user.
    #[schema(value_type = UserStatusForm)]
    status: &'static str,
    /// Whether the address was proven.
    email_verified: bool,
    /// Whether the phone number was proven.
    phone_verified: bool,
    /// A JSON object that the user writes.
    #[schema(value_type = MetadataForm)]
    metadata: Value,
    /// A JSON object that administrators write.
    #[schema(value_type = MetadataForm)]
    app_metadata: Value,
    /// The end of the user's validity; `null`: none.
    #[schema(value_type = Option<TimeForm>)]
    expires_at: Option<String>,
    /// The time of the last password change.
    #[schema(value_type = Option<TimeForm>)]
    password_changed_at: Option<String>,
    /// The creation time.
    #[schema(value_type = TimeForm)]
    created_at: String,
    /// The time of the last change.
    #[schema(value_type = TimeForm)]
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
    /// A registration in the form of its future user: the answer for known and unknown addresses is the same.
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
