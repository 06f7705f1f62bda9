//! The payload of an event (member `data`): field names and values, which the edge writes as JSON.

use super::Personal;
use crate::{
    domain::{auth::SessionEnd, notification::Channel, otp::CodePurpose, user::Status},
    types::{
        Roles, Timestamp,
        id::{CodeId, DeliveryId, InvitationId, NotificationId, ResetId, SessionId, UserId},
    },
};

/// A value of the payload. Amounts and sequences are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadValue {
    /// Text, an id, a time.
    Text(String),
    Flag(bool),
    Count(u64),
    Texts(Vec<String>),
}

macro_rules! payload_values {
    ($($type:ty, $value:ident => $made:expr;)*) => {$(
        impl From<&$type> for PayloadValue {
            fn from($value: &$type) -> Self {
                $made
            }
        }
    )*};
}

payload_values! {
    UserId, id => Self::Text(id.to_string());
    SessionId, id => Self::Text(id.to_string());
    CodeId, id => Self::Text(id.to_string());
    ResetId, id => Self::Text(id.to_string());
    InvitationId, id => Self::Text(id.to_string());
    NotificationId, id => Self::Text(id.to_string());
    DeliveryId, id => Self::Text(id.to_string());
    Timestamp, time => Self::Text(time.to_string());
    String, text => Self::Text(text.clone());
    Status, status => Self::Text(status.as_str().to_owned());
    SessionEnd, reason => Self::Text(reason.as_str().to_owned());
    CodePurpose, purpose => Self::Text(purpose.as_str().to_owned());
    Channel, channel => Self::Text(channel.as_str().to_owned());
    bool, flag => Self::Flag(*flag);
    u8, count => Self::Count(u64::from(*count));
    u32, count => Self::Count(u64::from(*count));
    Vec<String>, texts => Self::Texts(texts.clone());
    Roles, roles => Self::Texts(roles.iter().map(|role| role.to_string()).collect());
}

impl Personal {
    /// The personal fields that are set, in camelCase.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        [
            ("email", &self.email),
            ("ipAddress", &self.ip_address),
            ("userAgent", &self.user_agent),
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("phone", &self.phone),
            ("username", &self.username),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.clone().map(|value| (name, value)))
        .collect()
    }
}
