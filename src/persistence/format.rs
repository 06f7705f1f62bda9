//! `store.json`: which format a data directory has, who wrote it, and what its keys are recognised by.

use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

/// The format this program writes and reads.
pub const FORMAT: u32 = 1;

/// By what the key ring is recognised; both texts are the sealing's own, nothing here looks into them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seal {
    /// Of the root key ring.
    pub ring_fingerprint: String,
    /// A known text, sealed.
    pub check_value: String,
}

/// The content of `store.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The number of the format.
    pub format: u32,
    /// The version of the program that gave the directory this format.
    pub version: String,
    /// The store's own name, 32 hexadecimal digits; a snapshot carries it.
    pub store: String,
    /// When the store was made.
    pub created: Timestamp,
    /// Whether the store came out of a snapshot and nobody has said since that it may send: outbound sending waits.
    pub restored: bool,
    /// By what its keys are recognised.
    pub seal: Seal,
}
