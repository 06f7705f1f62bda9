//! `store.json`: the format of a data directory, the version that wrote it, and the identification of its keys.

use std::{cmp::Ordering, io};

use serde::{Deserialize, Serialize};

use super::{files, fs::Fs, layout::Layout};

use crate::types::Timestamp;

/// The format this program writes and reads.
pub const FORMAT: u32 = 3;

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

/// Parses text in the form of `store.json`.
pub fn parse(content: &[u8]) -> Result<Format, FormatError> {
    let damaged = |error: serde_json::Error| FormatError::Damaged(error.to_string());
    let envelope: Envelope = serde_json::from_slice(content).map_err(damaged)?;
    let Envelope { format, version } = envelope;
    match format.cmp(&FORMAT) {
        Ordering::Greater => Err(FormatError::Newer { format, version }),
        Ordering::Less => Err(FormatError::Older { format, version }),
        Ordering::Equal => serde_json::from_slice(content).map_err(damaged),
    }
}

/// Reads `store.json`; `None` if the directory has none.
pub fn read(fs: &dyn Fs, layout: &Layout) -> Result<Option<Format>, FormatError> {
    files::read(fs, &layout.root.join(NAME))?.map(|content| parse(&content)).transpose()
}

/// The text of `store.json`.
pub fn text(format: &Format) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(format).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(text)
}

/// Writes `store.json`; durable when this returns.
pub fn write(fs: &dyn Fs, layout: &Layout, format: &Format) -> io::Result<()> {
    files::replace(fs, &layout.root, NAME, &text(format)?)
}
