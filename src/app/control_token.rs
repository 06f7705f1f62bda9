//! The operator's credential of one run: a file in the store's directory. A user of the machine who can read the file
//! may use the ops listener of the server that has opened the store.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::AppError;
use crate::types::{Entropy, Secret};

const FILE: &str = "control.token";

/// The file of the credential for the store in `dir`.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Creates a token and writes it, readable by its owner alone. Fails if the file cannot be written.
pub(super) fn write(dir: &Path, entropy: &dyn Entropy) -> Result<Secret, AppError> {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    let token = Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let (path, beside) = (path(dir), dir.join("control.token.new"));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(token.reveal().as_bytes()))
        .and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| AppError::File { path, reason: error.to_string() })?;
    Ok(token)
}

/// Removes the file if it still holds `token`: after the store is closed, the next server may have written its own.
pub(super) fn remove(dir: &Path, token: &Secret) {
    let path = path(dir);
    if std::fs::read_to_string(&path).is_ok_and(|held| held == token.reveal()) {
        // A token that remains is harmless: no server accepts it.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::SeededEntropy;

    #[test]
    fn a_token_is_removed_by_its_own_run_only() {
        let dir = tempfile::tempdir().unwrap();
        let entropy = SeededEntropy::new(7);
        let mine = write(dir.path(), &entropy).unwrap();
        let next = write(dir.path(), &entropy).unwrap();
        remove(dir.path(), &mine);
        assert_eq!(std::fs::read_to_string(path(dir.path())).unwrap(), next.reveal());
        remove(dir.path(), &next);
        assert!(!path(dir.path()).exists());
    }
}
