//! Ids of the ledger: UUIDv7 (RFC 9562 section 5.7).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::Invalid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The sixteen bytes, in the order that sorts by time of creation.
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
            /// Takes the hyphenated form only.
            fn from_str(text: &str) -> Result<Self, Invalid> {
                if text.len() != 36 { return Err(NOT_AN_ID); }
                Uuid::parse_str(text).map(Self).map_err(|_| NOT_AN_ID)
            }
        }
    )*};
}

const NOT_AN_ID: Invalid = Invalid::new("not_an_id", "must be an id: 36 characters, hyphenated");

ids! {
    /// An account of the ledger.
    AccountId;
    /// A transaction of the ledger.
    TransactionId;
}
