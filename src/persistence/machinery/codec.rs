//! The encoding of records: `codec u8 | schema u16 | payload`. The only file that names bincode.

use std::marker::PhantomData;

use bincode::{
    config::{Configuration, Limit, LittleEndian, Varint},
    enc::write::Writer,
    error::EncodeError,
};
use serde::{
    Serialize,
    de::{DeserializeOwned, DeserializeSeed},
};

use super::record::Record;
use crate::types::limits;

/// The payload is bincode 2 through serde, `config::standard()`. Other numbers are free for a later codec.
const BINCODE_2: u8 = 1;
/// Bytes before the payload.
const HEAD: usize = 3;

/// Why bytes do not decode, or a record does not encode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecFault {
    /// Fewer bytes than the head has.
    #[error("a value of {0} bytes is too short to be a record")]
    Short(usize),
    /// The first byte names a codec this program does not have.
    #[error("codec {0} is not known; a newer version may have written this value")]
    Codec(u8),
    /// No upgrade leads from this schema to the current one.
    #[error("schema {schema} of {record} is not known; a newer version may have written this value")]
    Schema { record: &'static str, schema: u16 },
    /// The payload does not match the schema, is longer than that, or a value breaks its own rules.
    #[error("{record} does not decode: {reason}")]
    Payload { record: &'static str, reason: String },
    /// The record does not fit the limit of a value.
    #[error("{record} does not encode: {reason}")]
    Encode { record: &'static str, reason: String },
}

type Config = Configuration<LittleEndian, Varint, Limit<{ limits::VALUE_MAX }>>;

const fn config() -> Config {
    bincode::config::standard().with_limit::<{ limits::VALUE_MAX }>()
}

/// The bytes of `record` under its current schema; at most `limits::VALUE_MAX`.
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, CodecFault> {
    let mut bytes = Vec::with_capacity(128);
    bytes.push(BINCODE_2);
    bytes.extend_from_slice(&R::SCHEMA.to_be_bytes());
    bincode::serde::encode_into_writer(record, Behind(&mut bytes), config())
        .map_err(|error| CodecFault::Encode { record: R::NAME, reason: error.to_string() })?;
    if bytes.len() > limits::VALUE_MAX {
        let reason = format!("{} bytes are over the limit of {}", bytes.len(), limits::VALUE_MAX);
        return Err(CodecFault::Encode { record: R::NAME, reason });
    }
    Ok(bytes)
}

/// Appends to the bytes.
struct Behind<'a>(&'a mut Vec<u8>);

impl Writer for Behind<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        // serde passes byte strings and hashes byte by byte.
        match bytes {
            [byte] => self.0.push(*byte),
            bytes => self.0.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// The record in `bytes`, upgraded to the current schema.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, CodecFault> {
    let (codec, schema, payload) = head(bytes)?;
    if codec != BINCODE_2 {
        return Err(CodecFault::Codec(codec));
    }
    if schema == R::SCHEMA { self::payload(R::NAME, payload) } else { R::upgrade(schema, payload) }
}

/// A payload without its head, for `Record::upgrade`: `T` is the shape of that older schema. Trailing bytes are an
/// error.
pub fn payload<T: DeserializeOwned>(record: &'static str, bytes: &[u8]) -> Result<T, CodecFault> {
    seeded(record, PhantomData, bytes)
}

/// A payload without its head, in the form that `seed` reads. Trailing bytes are an error.
pub fn seeded<'b, S: DeserializeSeed<'b>>(
    record: &'static str,
    seed: S,
    bytes: &'b [u8],
) -> Result<S::Value, CodecFault> {
    let (value, read) = bincode::serde::seed_decode_from_slice(seed, bytes, config())
        .map_err(|error| CodecFault::Payload { record, reason: error.to_string() })?;
    if read == bytes.len() {
        Ok(value)
    } else {
        Err(CodecFault::Payload { record, reason: format!("{} bytes are left over", bytes.len() - read) })
    }
}

/// A payload without its head.
pub fn bare<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecFault> {
    bincode::serde::encode_to_vec(value, config())
        .map_err(|error| CodecFault::Encode { record: "payload", reason: error.to_string() })
}

fn head(bytes: &[u8]) -> Result<(u8, u16, &[u8]), CodecFault> {
    match bytes {
        [codec, high, low, payload @ ..] => Ok((*codec, u16::from_be_bytes([*high, *low]), payload)),
        _ => Err(CodecFault::Short(bytes.len().min(HEAD))),
    }
}
