//! What may be stored as a value.

use serde::{Serialize, de::DeserializeOwned};

use super::codec::CodecFault;

/// A type with a stored form. Every change of its fields is a new `SCHEMA`; the old shape stays in
/// `persistence/schema/records/<name>_v<n>.rs` and `upgrade` leads on from it.
///
/// No float, `usize`, `HashMap`, new variant in the middle of an enum, or serde attribute that needs a
/// self-describing format (`flatten`, `untagged`, `skip_serializing_if`).
pub trait Record: Serialize + DeserializeOwned {
    /// The number of today's shape, from 1.
    const SCHEMA: u16;
    /// The record's name, for messages; never changes.
    const NAME: &'static str;

    /// Reads `payload` of an older `schema`. A record that never changed refuses every other number.
    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        let _ = payload;
        Err(CodecFault::Schema { record: Self::NAME, schema })
    }
}

/// An index entry that says nothing but that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Present;

impl Record for Present {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "present";
}
