//! Ids: UUIDv7 (RFC 9562 section 5.7). Each kind is a separate type, so that they cannot be swapped.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Invalid, Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The sixteen bytes; their order is that of creation.
            pub fn as_bytes(&self) -> &[u8; 16] { self.0.as_bytes() }
            /// The UUID itself.
            pub fn uuid(&self) -> Uuid { self.0 }
        }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0.as_hyphenated()) }
        }
        impl FromStr for $name {
            type Err = Invalid;
            /// Accepts the hyphenated form only.
            fn from_str(text: &str) -> Result<Self, Invalid> {
                if text.len() != 36 { return Err(NOT_AN_ID); }
                Uuid::parse_str(text).map(Self).map_err(|_| NOT_AN_ID)
            }
        }
    )*};
}

const NOT_AN_ID: Invalid = Invalid::new("not_an_id", "must be an id: 36 characters, hyphenated");

ids! {
    /// A user; a registration has the id that its user will have.
    UserId;
    /// A session of a signed-in user.
    SessionId;
    /// An event; consumers recognize a repetition by it.
    EventId;
    /// One issue of a one-time code.
    CodeId;
    /// A request to reset a password.
    ResetId;
    /// An invitation to register.
    InvitationId;
    /// A notification: one request or event.
    NotificationId;
    /// A delivery: one recipient on one channel.
    DeliveryId;
    /// A mail or message in the development inbox.
    MailId;
    /// A signing key (`kid`).
    KeyId;
    /// An account of the ledger.
    AccountId;
    /// A transaction of the ledger.
    TransactionId;
    /// An entry of the audit log.
    AuditId;
    /// One run of the program on one machine.
    NodeId;
}

/// A UUIDv7 for `now` with ten random bytes: the same input gives the same id.
pub fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
