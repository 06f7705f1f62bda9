//! The encoding of keys as bytes that sort as the keys do.
//!
//! Integers are big-endian, signed ones with the sign bit flipped; ids are their sixteen bytes; text is escaped and
//! ends with `00 01`, so that no text is a prefix of another; a tuple is the concatenation of its fields.

use crate::types::{Network, Timestamp};

/// Bytes that are not a key of their table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a key")]
pub struct TableKeyFault;

/// The rest of a key that is being read.
pub struct KeyBytes<'a>(&'a [u8]);

impl<'a> KeyBytes<'a> {
    /// Starts at the beginning of `bytes` (behind the table's byte).
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], TableKeyFault> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(TableKeyFault)?;
        self.0 = rest;
        Ok(*head)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A type that can be part of a key. For all `a < b`, the bytes of `a` sort before those of `b`, and no key's bytes are
/// a prefix of another key's of the same type.
pub trait TableKey: Sized {
    /// Appends the bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads the bytes that `write` appended.
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault>;

    /// The encoded key.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        out
    }

    /// Decodes the key in `bytes`; trailing bytes are an error.
    fn from_bytes(bytes: &[u8]) -> Result<Self, TableKeyFault> {
        let mut left = KeyBytes::new(bytes);
        let key = Self::read(&mut left)?;
        if left.is_empty() { Ok(key) } else { Err(TableKeyFault) }
    }
}

/// The first fields of the key `K`: a scan can name them instead of a whole key.
pub trait PrefixOf<K>: TableKey {}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl TableKey for $int {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
                Ok(Self::from_be_bytes(bytes.take()?))
            }
        }
    )*};
}

unsigned!(u8, u16, u32, u64);

impl TableKey for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        (self.cast_unsigned() ^ (1 << 63)).write(out);
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        Ok((u64::read(bytes)? ^ (1 << 63)).cast_signed())
    }
}

impl TableKey for Timestamp {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_micros().write(out);
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        i64::read(bytes).map(Self::from_micros)
    }
}

impl<const N: usize> TableKey for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        bytes.take()
    }
}

const ESCAPE: u8 = 0x00;
const END: u8 = 0x01;
const ZERO: u8 = 0xff;

impl TableKey for String {
    fn write(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            out.push(byte);
            if byte == ESCAPE {
                out.push(ZERO);
            }
        }
        out.extend_from_slice(&[ESCAPE, END]);
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        let mut text = Vec::new();
        loop {
            let [byte] = bytes.take()?;
            if byte != ESCAPE {
                text.push(byte);
                continue;
            }
            match bytes.take()? {
                [END] => return Self::from_utf8(text).map_err(|_| TableKeyFault),
                [ZERO] => text.push(ESCAPE),
                [_] => return Err(TableKeyFault),
            }
        }
    }
}

impl<T: TableKey> TableKey for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.write(out);
            }
        }
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        match bytes.take()? {
            [0] => Ok(None),
            [1] => T::read(bytes).map(Some),
            [_] => Err(TableKeyFault),
        }
    }
}

impl TableKey for Network {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(prefix) => {
                out.push(4);
                prefix.write(out);
            }
            Self::V6(prefix) => {
                out.push(6);
                prefix.write(out);
            }
        }
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        match bytes.take()? {
            [4] => bytes.take().map(Self::V4),
            [6] => bytes.take().map(Self::V6),
            [_] => Err(TableKeyFault),
        }
    }
}

macro_rules! tuple {
    ($($field:ident $at:tt),*) => {
        impl<$($field: TableKey),*> TableKey for ($($field,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$at.write(out);)*
            }
            fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
                Ok(($($field::read(bytes)?,)*))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

impl<A: TableKey, B> PrefixOf<(A, B)> for (A,) {}
impl<A: TableKey, B, C> PrefixOf<(A, B, C)> for (A,) {}
impl<A: TableKey, B: TableKey, C> PrefixOf<(A, B, C)> for (A, B) {}
impl<A: TableKey, B, C, D> PrefixOf<(A, B, C, D)> for (A,) {}
impl<A: TableKey, B: TableKey, C, D> PrefixOf<(A, B, C, D)> for (A, B) {}
impl<A: TableKey, B: TableKey, C: TableKey, D> PrefixOf<(A, B, C, D)> for (A, B, C) {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keeps_order<K: TableKey + Ord + Clone + std::fmt::Debug>(a: K, b: K) {
        let (bytes_a, bytes_b) = (a.to_bytes(), b.to_bytes());
        assert_eq!(a.cmp(&b), bytes_a.cmp(&bytes_b));
        assert_eq!(K::from_bytes(&bytes_a), Ok(a.clone()));
        if a != b {
            assert!(!bytes_a.starts_with(&bytes_b), "{a:?} begins as {b:?}");
        }
    }

    proptest! {
        #[test]
        fn signed_integers_sort_as_their_bytes(a: i64, b: i64) {
            keeps_order(a, b);
            keeps_order(Timestamp::from_micros(a), Timestamp::from_micros(b));
        }

        #[test]
        fn texts_sort_as_their_bytes(a in "[\\x00\\x01ab\\u{ff}]{0,5}", b in "[\\x00\\x01ab\\u{ff}]{0,5}") {
            keeps_order(a, b);
        }

        #[test]
        fn tuples_sort_as_their_bytes(a: (u32, String, Option<u16>), b: (u32, String, Option<u16>)) {
            keeps_order(a, b);
        }

        #[test]
        fn networks_come_back(v4: [u8; 3], v6: [u8; 8]) {
            keeps_order(Network::V4(v4), Network::V6(v6));
        }
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(u16::from_bytes(&[0, 1, 2]), Err(TableKeyFault));
        assert_eq!(String::from_bytes(&[b'a', 0, 2]), Err(TableKeyFault));
    }
}
