//! `[secrets]`

use std::path::PathBuf;

use super::section::section;

section! {
    /// Files with keys. They are never part of a snapshot: keep a copy of the key ring apart from your backups.
    pub struct SecretsConfig {
        /// The key ring under which secrets in the store are sealed (mode 0600); made at the first start. "" means
        /// keys/ring.json in the directory of the store, or $CREDENTIALS_DIRECTORY/key_ring where systemd set it.
        /// Production refuses a place inside the directory of the store.
        key_ring_file: Option<PathBuf> = None;
        /// A file with a pepper that goes into every password's hash; without the file no password can be checked.
        pepper_file: Option<PathBuf> = None;
    }
}
