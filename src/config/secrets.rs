//! `[secrets]`

use std::path::PathBuf;

use super::section::section;

section! {
    /// Files with keys. They are never part of a snapshot: keep a copy of the key ring apart from your backups.
    pub struct SecretsConfig {
        /// The key ring that seals secrets in the store (mode 0600); created at the first start. "" means
        /// keys/ring.json in the directory of the store, or $CREDENTIALS_DIRECTORY/key_ring if systemd sets that
        /// variable. Production refuses a path inside the directory of the store.
        key_ring_file: Option<PathBuf> = None;
        /// A file with a pepper for all password hashes; without it no password can be verified.
        pepper_file: Option<PathBuf> = None;
    }
}
