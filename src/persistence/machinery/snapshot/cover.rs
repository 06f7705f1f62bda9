//! The file head of a snapshot, and the sealing of its blocks.
//!
//! Each file has a key of its own: HKDF of a root key with a random salt that the file head names. Block numbers are
//! the nonces, so no nonce is used twice under a key. The tag of a block is its MAC: blocks that were changed, left
//! out, reordered or taken from another file do not open, and the last block is bound by its number and kind.

use std::{
    io,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use serde::{Deserialize, Serialize};

use super::{FILE_HEAD_MAX, MAGIC, PREFIX, SnapshotError, VERSION};
use crate::{
    persistence::machinery::{fs::Fs, journal::frame::Cursor, keyring::Keyring, settings::StoreEnvironment},
    types::Entropy,
};

/// The number of bytes by which sealing makes a block longer.
pub(super) const TAG: usize = 16;
const NONCE: usize = 24;

/// Whether the blocks are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotForm {
    /// Readable by anyone: an operator demanded it.
    Plain,
    /// Sealed under the newest key of the ring.
    Sealed,
}

/// The disk of snapshots, and the key ring that opens them.
#[derive(Clone, Copy)]
pub struct SnapshotDisk<'a> {
    pub(in crate::persistence::machinery) fs: &'a dyn Fs,
    pub(in crate::persistence::machinery) ring: Option<&'a Keyring>,
    takes_plain: bool,
}

impl<'a> SnapshotDisk<'a> {
    /// The disk and the ring of `environment`. Only sealed snapshots are read.
    pub fn of(environment: &'a StoreEnvironment) -> Self {
        Self::new(&*environment.fs, environment.ring.as_deref())
    }

    pub(in crate::persistence::machinery) fn new(fs: &'a dyn Fs, ring: Option<&'a Keyring>) -> Self {
        Self { fs, ring, takes_plain: false }
    }

    /// The same, which reads plain snapshots too: for a file that an operator names.
    #[must_use]
    pub fn plain_too(self) -> Self {
        Self { takes_plain: true, ..self }
    }
}

/// The readable head of a file: what is needed to find the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileHead {
    store: String,
    /// The commit that was applied when the walk began.
    from: u64,
    /// The fingerprint of the root key; absent in a plain file.
    ring: Option<String>,
    /// Makes the key that of this file alone.
    salt: String,
}

impl FileHead {
    fn purpose(&self) -> String {
        format!("snapshot/{}", self.salt)
    }
}

/// What covers the blocks of one file.
pub(super) struct Cover {
    /// The bytes before the first block.
    opening: Vec<u8>,
    cipher: Option<XChaCha20Poly1305>,
    next: u64,
}

impl Cover {
    /// The cover of a new file: for a snapshot of `store` after commit `from`.
    pub(super) fn new(
        disk: SnapshotDisk<'_>,
        (store, from): (&str, u64),
        form: SnapshotForm,
        entropy: &dyn Entropy,
    ) -> Result<Self, SnapshotError> {
        let mut salt = [0; 32];
        entropy.fill(&mut salt);
        let salt = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let ring = match form {
            SnapshotForm::Plain => None,
            SnapshotForm::Sealed => Some(disk.ring.ok_or(SnapshotError::NoRing)?.fingerprint()),
        };
        let head = FileHead { store: store.to_owned(), from, ring, salt };
        let text = serde_json::to_vec(&head).map_err(|error| SnapshotError::io("its head")(error.into()))?;
        let mut opening = MAGIC.to_vec();
        opening.extend_from_slice(&VERSION.to_le_bytes());
        opening.extend_from_slice(&[u8::from(form == SnapshotForm::Sealed), 0]);
        opening.extend_from_slice(&(text.len() as u32).to_le_bytes());
        opening.extend_from_slice(&checksum(&opening, &text).to_le_bytes());
        opening.extend_from_slice(&text);
        Ok(Self { cipher: cipher(disk, &head), opening, next: 0 })
    }

    /// The bytes before the first block.
    pub(super) fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// The length of the file head, from the first bytes of a file.
    pub(super) fn head_length(prefix: &[u8]) -> Result<usize, &'static str> {
        let mut cursor = Cursor(prefix);
        if cursor.take() != Some(MAGIC) {
            return Err("this is not a snapshot");
        }
        if cursor.take().map(u16::from_le_bytes) != Some(VERSION) {
            return Err("it is a snapshot in a form that this program does not read");
        }
        let flags: Option<[u8; 2]> = cursor.take();
        match (flags, cursor.u32()) {
            (Some([0 | 1, 0]), Some(length)) if length as usize <= FILE_HEAD_MAX => Ok(length as usize),
            _ => Err("its first bytes are not those of a snapshot"),
        }
    }

    /// The cover of the file at `path`, which begins with `opening`.
    pub(super) fn read(disk: SnapshotDisk<'_>, path: &Path, opening: Vec<u8>) -> Result<Self, SnapshotError> {
        let file = || -> PathBuf { path.to_owned() };
        let damaged = |reason| SnapshotError::Damaged { file: file(), offset: 0, reason };
        let (prefix, text) = opening.split_at(PREFIX);
        if checksum(&prefix[..PREFIX - 4], text).to_le_bytes() != prefix[PREFIX - 4..] {
            return Err(damaged("the checksum of its head is wrong"));
        }
        let head: FileHead = serde_json::from_slice(text).map_err(|_| damaged("its head is not readable"))?;
        if head.ring.is_some() != (prefix[6] == 1) {
            return Err(damaged("its head does not fit its form"));
        }
        let cipher = match &head.ring {
            None if disk.takes_plain => None,
            None => return Err(SnapshotError::Plain { file: file() }),
            Some(ring) => Some(cipher(disk, &head).ok_or_else(|| SnapshotError::NoKey {
                file: file(),
                ring: ring.clone(),
                found: disk.ring.map(Keyring::fingerprint),
            })?),
        };
        Ok(Self { opening, cipher, next: 0 })
    }

    /// Whether the file is sealed.
    pub(super) fn form(&self) -> SnapshotForm {
        if self.cipher.is_some() { SnapshotForm::Sealed } else { SnapshotForm::Plain }
    }

    /// The place of the next block: its nonce, and what is bound to it.
    fn place(&mut self, kind: u8) -> (XNonce, Vec<u8>) {
        let number = self.next;
        self.next += 1;
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&number.to_le_bytes());
        let associated = [self.opening.as_slice(), &number.to_le_bytes(), &[kind]].concat();
        (XNonce::from(nonce), associated)
    }

    /// Seals the next block.
    pub(super) fn close(&mut self, kind: u8, payload: &[u8]) -> Result<Vec<u8>, SnapshotError> {
        let (nonce, aad) = self.place(kind);
        let Some(cipher) = &self.cipher else { return Ok(payload.to_vec()) };
        let sealed = cipher.encrypt(&nonce, Payload { msg: payload, aad: &aad });
        sealed.map_err(|_| SnapshotError::io("sealing a block")(io::Error::other("it is too large")))
    }

    /// Opens the next block; `None` if it is not the block of this place in this file.
    pub(super) fn open(&mut self, kind: u8, payload: Vec<u8>) -> Option<Vec<u8>> {
        let (nonce, aad) = self.place(kind);
        match &self.cipher {
            None => Some(payload),
            Some(cipher) => cipher.decrypt(&nonce, Payload { msg: &payload, aad: &aad }).ok(),
        }
    }
}

fn cipher(disk: SnapshotDisk<'_>, head: &FileHead) -> Option<XChaCha20Poly1305> {
    let key = disk.ring?.derived(head.ring.as_ref()?, &head.purpose())?;
    Some(XChaCha20Poly1305::new(&(*key).into()))
}

fn checksum(prefix: &[u8], text: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(prefix), text)
}
