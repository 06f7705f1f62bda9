//! `checkpoint`: what is recorded about the tree outside of the tree.
//!
//! After a stop of the machine the tree cannot prove its own state, so this file records how far it was durable, and
//! during which run of the machine. The file's last line is a checksum of the lines before it.

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize};

use super::{
    Lsn, files,
    fs::Fs,
    layout::Layout,
    log::{Log, LogHead},
};
use crate::types::Timestamp;

const NAME: &str = "checkpoint";

/// The content of `checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The run of the machine in which the tree was last open.
    pub boot: String,
    /// The number of the device that held it; `None` in a checkpoint of an earlier version.
    #[serde(default)]
    pub device: Option<u64>,
    /// Whether the store was closed cleanly afterwards, with everything on disk.
    pub closed: bool,
    /// All commits up to this one are durable in the tree.
    pub lsn: u64,
    /// The time of that commit.
    pub time: Timestamp,
    /// The epoch of the opening that wrote this.
    pub epoch: u64,
    /// The engine that holds the tree.
    pub engine: String,
    /// The name of the tree's directory.
    pub tree: String,
    /// The keys for which the tree was rebuilt, because their values were damaged.
    pub rebuilt_for: Vec<String>,
    /// The heads of the logs. The next open compares the tree with them.
    pub heads: StoredHeads,
}

/// The heads of the logs after a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredHeads {
    /// The last commit that they cover.
    pub lsn: u64,
    /// By the log's name; logs that are not there are not compared.
    pub logs: BTreeMap<String, StoredHead>,
}

/// The head of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHead {
    pub number: u64,
    /// The hash in hexadecimal digits.
    pub hash: String,
}

impl StoredHead {
    /// The form of `head` in the file.
    pub fn of(head: LogHead) -> Self {
        Self { number: head.number, hash: head.hash.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

impl StoredHeads {
    /// The heads after commit `lsn`, in the order of `logs`.
    pub fn of(lsn: Lsn, logs: &[&Log], heads: &[LogHead]) -> Self {
        let logs = logs.iter().zip(heads).map(|(log, head)| (log.name.to_owned(), StoredHead::of(*head)));
        Self { lsn: lsn.0, logs: logs.collect() }
    }
}

impl Checkpoint {
    /// The last commit that is durable in the tree.
    pub fn lsn(&self) -> Lsn {
        Lsn(self.lsn)
    }

    /// Whether it was written on this device; never if one of the two is not known.
    pub fn is_on(&self, device: Option<u64>) -> bool {
        self.device.is_some() && self.device == device
    }
}

/// The result of reading the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointFound {
    Good(Checkpoint),
    Absent,
    /// A file that is not a valid checkpoint.
    Damaged,
}

/// Reads the checkpoint.
pub fn read(fs: &dyn Fs, layout: &Layout) -> io::Result<CheckpointFound> {
    let Some(content) = files::read(fs, &layout.root.join(NAME))? else { return Ok(CheckpointFound::Absent) };
    Ok(parse(&content).map_or(CheckpointFound::Damaged, CheckpointFound::Good))
}

fn parse(content: &[u8]) -> Option<Checkpoint> {
    let text = std::str::from_utf8(content).ok()?;
    let (json, rest) = text.split_once('\n')?;
    let crc = u32::from_str_radix(rest.strip_prefix("crc32c ")?.strip_suffix('\n')?, 16).ok()?;
    (crc32c::crc32c(json.as_bytes()) == crc).then(|| serde_json::from_str(json).ok())?
}

/// Writes the checkpoint; durable when this returns.
pub fn write(fs: &dyn Fs, layout: &Layout, checkpoint: &Checkpoint) -> io::Result<()> {
    let json = serde_json::to_string(checkpoint).map_err(io::Error::other)?;
    let crc = crc32c::crc32c(json.as_bytes());
    files::replace(fs, &layout.root, NAME, format!("{json}\ncrc32c {crc:08x}\n").as_bytes())
}
