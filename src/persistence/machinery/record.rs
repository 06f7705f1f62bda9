//! Values that can be stored.

use serde::{Serialize, de::DeserializeOwned};

use super::codec::CodecFault;

/// A type with a stored form. Every change of its fields is a new `SCHEMA`; the old shape stays in
/// `persistence/schema/records/<name>_v<n>.rs`, and `upgrade` converts it.
///
/// No float, `usize`, `HashMap`, new variant in the middle of an enum, or serde attribute that needs a
/// self-describing format (`flatten`, `untagged`, `skip_serializing_if`).
pub trait Record: Serialize + DeserializeOwned {
    /// The number of the current shape, from 1.
    const SCHEMA: u16;
    /// The record's name, for messages; never changes.
    const NAME: &'static str;

    /// Decodes `payload` of an older `schema`. A record that never changed refuses every other number.
    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        let _ = payload;
        Err(CodecFault::Schema { record: Self::NAME, schema })
    }
}

/// The value of an index entry whose key is the only information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Present;

impl Record for Present {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "present";
}
