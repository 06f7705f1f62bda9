//! `store.json`: the format of a data directory, the version that wrote it, and the identification of its keys.

use std::{cmp::Ordering, io};

use serde::{Deserialize, Serialize};

use super::{files, fs::Fs, layout::Layout};

use crate::types::Timestamp;

/// The format this program writes and reads.
pub const FORMAT: u32 = 4;

/// Identifies the key ring. Both texts come from the sealing; nothing here interprets them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seal {
    /// The fingerprint of the root key ring.
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
    /// The store's identifier, 32 hexadecimal digits; a snapshot carries it.
    pub store: String,
    /// The time of the store's creation.
    pub created: Timestamp,
    /// Whether the store was restored from a snapshot and sending was not allowed since: outbound sending waits.
    pub restored: bool,
    /// After a restore: sessions that began before this time are ended by the first start, which removes this.
    // A file in which the name of the field is damaged is refused.
    #[serde(deserialize_with = "Option::deserialize")]
    pub sessions_after: Option<Timestamp>,
    /// The identification of its keys.
    pub seal: Seal,
}

const NAME: &str = "store.json";

/// Why `store.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The directory was written by a newer program.
    #[error(
        "the store has format {format}, written by version {version}; this program knows formats up to {FORMAT}: \
         start version {version} or a later one"
    )]
    Newer {
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// The directory was written before the first release, in a form that no program converts.
    #[error(
        "the store has format {format}, written by version {version}; this program reads format {FORMAT} alone: start \
         version {version}, or name another directory in store.path"
    )]
    Older {
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// The file cannot be parsed.
    #[error("store.json is damaged ({0}); put back a copy of it, or restore a snapshot into another directory")]
    Damaged(String),
    /// The disk failed.
    #[error("reading store.json: {0}")]
    Io(#[from] io::Error),
}

/// The fields that every format has.
#[derive(Deserialize)]
struct Envelope {
    format: u32,
    version: String,
}

/// The file: the format, and the checksum of its compact JSON.
#[derive(Serialize, Deserialize)]
struct FormatFile {
    #[serde(flatten)]
    format: Format,
    crc32c: String,
}

fn unreadable(error: impl std::fmt::Display) -> FormatError {
    FormatError::Damaged(error.to_string())
}

/// Parses the JSON of a format without a checksum, as a snapshot holds it.
pub fn parse(content: &[u8]) -> Result<Format, FormatError> {
    known(content)?;
    serde_json::from_slice(content).map_err(unreadable)
}

/// Refuses every format but this program's.
fn known(content: &[u8]) -> Result<(), FormatError> {
    let Envelope { format, version } = serde_json::from_slice(content).map_err(unreadable)?;
    match format.cmp(&FORMAT) {
        Ordering::Greater => Err(FormatError::Newer { format, version }),
        Ordering::Less => Err(FormatError::Older { format, version }),
        Ordering::Equal => Ok(()),
    }
}

fn parse_file(content: &[u8]) -> Result<Format, FormatError> {
    known(content)?;
    let FormatFile { format, crc32c } = serde_json::from_slice(content).map_err(unreadable)?;
    if checksum(&format).map_err(unreadable)? == crc32c {
        Ok(format)
    } else {
        Err(FormatError::Damaged("its checksum is wrong".to_owned()))
    }
}

fn checksum(format: &Format) -> serde_json::Result<String> {
    Ok(format!("{:08x}", crc32c::crc32c(&serde_json::to_vec(format)?)))
}

/// Reads `store.json`; `None` if the directory has none.
pub fn read(fs: &dyn Fs, layout: &Layout) -> Result<Option<Format>, FormatError> {
    files::read(fs, &layout.root.join(NAME))?.map(|content| parse_file(&content)).transpose()
}

/// The text of `store.json`.
pub fn text(format: &Format) -> io::Result<Vec<u8>> {
    let file = FormatFile { format: format.clone(), crc32c: checksum(format).map_err(io::Error::other)? };
    let mut text = serde_json::to_vec_pretty(&file).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(text)
}

/// Writes `store.json`; durable when this returns.
pub fn write(fs: &dyn Fs, layout: &Layout, format: &Format) -> io::Result<()> {
    files::replace(fs, &layout.root, NAME, &text(format)?)
}
