//! The root key ring: the keys from which all sealing keys are derived, in a file of their own.
//!
//! The newest key seals; older ones only open. The file is JSON, mode 0600, never inside a snapshot:
//! `{"format":1,"keys":[{"id":1,"made":"2026-01-02T03:04:05.000006Z","key":"<base64>"}]}`.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    catalog::{StoreCatalog, TableRow},
    format::Seal,
    sealing::{self, SealContext, SealFault, ShortMac, Subkey},
};
use crate::types::{Entropy, Timestamp};

const FORMAT: u32 = 1;
const CHECK: &[u8] = b"majordomo: this store and this key ring belong together";
const CHECK_PURPOSE: &str = "check";

/// Why a ring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RingFault {
    /// The file could not be read or written.
    #[error("key ring {path}: {error}")]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The file is not a key ring.
    #[error("key ring {path}: {reason}")]
    Form {
        /// The path of the file.
        path: PathBuf,
        reason: String,
    },
    /// Other users may read the file.
    #[error("key ring {path}: mode {mode:03o} lets others read it; run: chmod 600 {path}")]
    Open {
        /// The path of the file.
        path: PathBuf,
        /// The permission bits of the file.
        mode: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct RingFile {
    format: u32,
    keys: Vec<KeyRow>,
}

#[derive(Serialize, Deserialize)]
struct KeyRow {
    id: u32,
    made: String,
    key: String,
}

struct RootKey {
    made: Timestamp,
    root: Zeroizing<[u8; 32]>,
    /// Subkeys of all sealed tables, derived once by `Keyring::prepare`.
    tables: OnceLock<BTreeMap<&'static str, Subkey>>,
    /// The key of the MACs of log rows, derived once.
    log_mac: OnceLock<Zeroizing<[u8; 32]>>,
}

impl RootKey {
    fn new(root: Zeroizing<[u8; 32]>, made: Timestamp) -> Self {
        Self { made, root, tables: OnceLock::new(), log_mac: OnceLock::new() }
    }

    fn table(&self, name: &'static str) -> Subkey {
        match self.tables.get().and_then(|tables| tables.get(name)) {
            Some(key) => key.clone(),
            None => Subkey::derive(&self.root, &table_purpose(name)),
        }
    }

    fn log_mac(&self) -> &[u8; 32] {
        self.log_mac.get_or_init(|| sealing::expand(&self.root, "log", "mac"))
    }

    fn fingerprint(&self) -> String {
        let bytes = sealing::expand(&self.root, "fingerprint", "");
        bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn table_purpose(name: &str) -> String {
    format!("table/{name}")
}

/// The keys, newest last. There is at least one.
pub struct Keyring {
    keys: BTreeMap<u32, RootKey>,
    newest: u32,
}

impl Keyring {
    /// A ring with one new key.
    pub fn generate(entropy: &dyn Entropy, now: Timestamp) -> Self {
        let mut root = Zeroizing::new([0; 32]);
        entropy.fill(root.as_mut_slice());
        Self { keys: BTreeMap::from([(1, RootKey::new(root, now))]), newest: 1 }
    }

    /// Reads the ring at `path`; `None` if the file does not exist.
    pub fn load(path: &Path) -> Result<Option<Self>, RingFault> {
        let io_fault = |error| RingFault::Io { path: path.to_owned(), error };
        match std::fs::metadata(path) {
            Ok(found) => check_mode(path, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_fault(error)),
        }
        let text = Zeroizing::new(std::fs::read(path).map_err(io_fault)?);
        parse(&text).map(Some).map_err(|reason| RingFault::Form { path: path.to_owned(), reason })
    }

    /// Derives the subkeys of all sealed tables at once, so that no later operation waits for it.
    pub fn prepare(&self, catalog: &StoreCatalog) {
        for key in self.keys.values() {
            let subkey = |row: &TableRow| (row.name, Subkey::derive(&key.root, &table_purpose(row.name)));
            key.tables.get_or_init(|| catalog.sealed().map(subkey).collect());
        }
    }

    /// Writes the ring to `path`: a new file next to it is written, synced, and renamed over it.
    pub fn save(&self, path: &Path) -> Result<(), RingFault> {
        use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
        let io_fault = |error| RingFault::Io { path: path.to_owned(), error };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(io_fault)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let write = || -> io::Result<()> {
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&self.to_json()?)?;
            file.sync_all()?;
            std::fs::rename(&beside, path)?;
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(io_fault)
    }

    fn to_json(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let keys = self
            .keys
            .iter()
            .map(|(id, key)| KeyRow { id: *id, made: key.made.to_string(), key: STANDARD.encode(&key.root[..]) })
            .collect();
        Ok(Zeroizing::new(serde_json::to_vec_pretty(&RingFile { format: FORMAT, keys })?))
    }

    /// Adds a new key, which seals from now on.
    pub fn rotate(&mut self, entropy: &dyn Entropy, now: Timestamp) {
        let mut root = Zeroizing::new([0; 32]);
        entropy.fill(root.as_mut_slice());
        self.newest += 1;
        self.keys.insert(self.newest, RootKey::new(root, now));
    }

    /// Drops all keys except the newest, after nothing is sealed under the others.
    pub fn prune(&mut self) {
        let newest = self.newest;
        self.keys.retain(|id, _| *id == newest);
    }

    /// The id of the key that seals.
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Always false: a ring has at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Sixteen hexadecimal digits that identify the newest key without revealing it.
    pub fn fingerprint(&self) -> String {
        self.keys.get(&self.newest).map(RootKey::fingerprint).unwrap_or_default()
    }

    /// Keys for `purpose` outside of tables (MACs, cursors), newest first: sign with the first, check with all.
    pub fn subkeys(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.keys.values().rev().map(|key| sealing::expand(&key.root, purpose, "mac")).collect()
    }

    /// The MAC of a row of a log, under the newest key.
    pub(in crate::persistence) fn log_mac(&self, content: &[u8]) -> ShortMac {
        self.keys.get(&self.newest).map_or([0; 16], |key| sealing::short_mac(key.log_mac(), content))
    }

    /// Whether a key of the ring made the MAC of a row of a log.
    pub(in crate::persistence) fn is_log_mac(&self, content: &[u8], found: &ShortMac) -> bool {
        self.keys.values().rev().any(|key| sealing::is_short_mac(key.log_mac(), content, found))
    }

    /// A key for `purpose` of the root key with this fingerprint; `None` if the ring does not have it.
    pub(super) fn derived(&self, fingerprint: &str, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        let key = self.keys.values().rev().find(|key| key.fingerprint() == fingerprint)?;
        Some(sealing::expand(&key.root, purpose, "cipher"))
    }

    /// Seals a value of a table under the newest key.
    pub fn seal(&self, table: &'static str, around: &SealContext<'_>, plain: &[u8]) -> Result<Vec<u8>, SealFault> {
        let key = self.keys.get(&self.newest).ok_or(SealFault::NoKey(self.newest))?;
        sealing::seal(&key.table(table), self.newest, around, plain)
    }

    /// Opens a value of a table under the key that sealed it.
    pub fn unseal(
        &self,
        table: &'static str,
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        let id = sealing::key_id(sealed)?;
        let key = self.keys.get(&id).ok_or(SealFault::NoKey(id))?;
        sealing::unseal(&key.table(table), associated, sealed)
    }

    /// The identification for `store.json`.
    pub fn mark(&self) -> Result<Seal, SealFault> {
        let around = SealContext { associated: CHECK_PURPOSE.as_bytes(), salt: [0; 16] };
        let check_value = STANDARD.encode(self.seal(CHECK_PURPOSE, &around, CHECK)?);
        Ok(Seal { ring_fingerprint: self.fingerprint(), check_value })
    }

    /// Whether this ring opens what was sealed in the store that `mark` comes from.
    pub fn fits(&self, mark: &Seal) -> Result<(), SealFault> {
        let sealed = STANDARD.decode(&mark.check_value).map_err(|_| SealFault::Form)?;
        let opened = self.unseal(CHECK_PURPOSE, CHECK_PURPOSE.as_bytes(), &sealed)?;
        if opened.as_slice() == CHECK { Ok(()) } else { Err(SealFault::Broken) }
    }
}

/// Refuses a file that others can read. A file of this process's user must grant nothing to group and others (mask
/// 0o077). A file of another user may grant reading to the group (mask 0o027): systemd gives access to a credential by
/// an access control list, whose mask is in the group bits.
fn check_mode(path: &Path, found: &std::fs::Metadata) -> Result<(), RingFault> {
    use std::os::unix::fs::MetadataExt as _;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    let forbidden = if ours { 0o077 } else { 0o027 };
    let mode = found.mode() & 0o777;
    if mode & forbidden == 0 { Ok(()) } else { Err(RingFault::Open { path: path.to_owned(), mode }) }
}

fn parse(text: &[u8]) -> Result<Keyring, String> {
    let file: RingFile = serde_json::from_slice(text).map_err(|error| format!("not a key ring: {error}"))?;
    if file.format != FORMAT {
        return Err(format!("format {} is not known to this version, which reads {FORMAT}", file.format));
    }
    let mut keys = BTreeMap::new();
    for row in file.keys {
        let bytes = Zeroizing::new(STANDARD.decode(&row.key).map_err(|_| format!("key {} is not base64", row.id))?);
        let root = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| format!("key {} is not 32 bytes", row.id))?;
        let made = row.made.parse::<Timestamp>().map_err(|error| format!("key {}: made {error}", row.id))?;
        if keys.insert(row.id, RootKey::new(Zeroizing::new(root), made)).is_some() {
            return Err(format!("key {} is there twice", row.id));
        }
    }
    let newest = keys.keys().next_back().copied().ok_or("it holds no key")?;
    Ok(Keyring { keys, newest })
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.keys.len()).field("newest", &self.fingerprint()).finish()
    }
}
