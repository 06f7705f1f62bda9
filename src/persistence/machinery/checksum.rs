//! The checksum at the end of each stored value.
//!
//! ```text
//!   value | crc32c u32        over key and value, begun with the key's length
//! ```
//!
//! It is appended where the batch of a commit is made, so that journal, tree and snapshots hold the same bytes. It
//! covers the key, so that a value under another key is found too; the length keeps the boundary between key and value.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::batch::{Batch, Operation};

/// Bytes that a checksum adds to a value.
pub const CHECKSUM: usize = 4;

/// A stored value that does not match its checksum. Its text names the table's byte and a hash of the key: a key may
/// hold an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of key {} does not match its checksum", self.name())]
pub struct DamagedValue {
    /// The key in the tree, with the table's byte.
    pub key: Vec<u8>,
}

impl DamagedValue {
    /// The table's byte.
    pub fn tag(&self) -> u8 {
        self.key.first().copied().unwrap_or(0)
    }

    /// The name of the key in messages and files: the table's byte and the first 16 bytes of the key's SHA-256.
    pub fn name(&self) -> KeyName {
        KeyName::of(&self.key)
    }
}

/// Identifies a key without showing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName {
    tag: u8,
    digest: [u8; 16],
}

impl KeyName {
    /// The name of `key`.
    pub fn of(key: &[u8]) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(key)[..16]);
        Self { tag: key.first().copied().unwrap_or(0), digest }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:", self.tag)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn of(key: &[u8], value: &[u8]) -> [u8; CHECKSUM] {
    // The length of the key, at most `limits::KEY_MAX`, is the state from which the checksum begins: one call less. It
    // is inverted, so that zeros never match.
    let crc = crc32c::crc32c_append(!(key.len() as u32), key);
    crc32c::crc32c_append(crc, value).to_le_bytes()
}

/// Appends the checksum to the value of `key`.
pub fn append(key: &[u8], value: &mut Vec<u8>) {
    let sum = of(key, value);
    value.extend_from_slice(&sum);
}

/// Appends the checksum to each value of `batch`.
pub fn append_all(batch: &mut Batch) {
    for operation in &mut batch.0 {
        match operation {
            Operation::Put { key, value } => append(key, value),
            Operation::Delete { .. } => {}
        }
    }
}

/// Whether `stored`, with its checksum, is the value that was written under `key`.
pub fn matches(key: &[u8], stored: &[u8]) -> bool {
    stored.split_last_chunk::<CHECKSUM>().is_some_and(|(value, sum)| of(key, value) == *sum)
}

/// Checks a stored value, and removes its checksum.
pub fn strip(key: &[u8], stored: &mut Vec<u8>) -> Result<(), DamagedValue> {
    if !matches(key, stored) {
        return Err(DamagedValue { key: key.to_vec() });
    }
    stored.truncate(stored.len() - CHECKSUM);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stored_value_is_returned_as_it_was_written_and_a_changed_one_is_damaged(
            key in prop::collection::vec(any::<u8>(), 1..40), value in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let mut stored = value.clone();
            append(&key, &mut stored);
            let mut flipped = stored.clone();
            flipped[at.index(stored.len())] ^= 1 << bit;
            prop_assert_eq!(strip(&key, &mut flipped), Err(DamagedValue { key: key.clone() }));
            let mut other = key.clone();
            other[at.index(key.len())] ^= 1 << bit;
            prop_assert!(!matches(&other, &stored));
            prop_assert_eq!(strip(&key, &mut stored), Ok(()));
            prop_assert_eq!(stored, value);
        }
    }

    #[test]
    fn the_boundary_between_key_and_value_is_covered() {
        let mut stored = b"cd".to_vec();
        append(b"ab", &mut stored);
        let moved = [b"bcd".as_slice(), &stored[2..]].concat();
        assert!(matches(b"ab", &stored) && !matches(b"a", &moved));
    }

    #[test]
    fn a_value_without_a_checksum_is_damaged() {
        for length in 0..CHECKSUM {
            assert!(!matches(b"key", &vec![0; length]));
        }
        assert!(!matches(b"", &[0; CHECKSUM]) && !matches(b"k", &[0; CHECKSUM]));
    }

    #[test]
    fn a_message_names_the_key_by_a_hash() {
        let damaged = DamagedValue { key: b"\x02ada@example.org".to_vec() };
        let text = damaged.to_string();
        assert!(text.contains("key 02:") && !text.contains("ada"), "{text}");
    }
}
