//! The check that other users of the machine cannot read the store and the keys.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{
    Config,
    check::{ConfigFinding, finding},
};

/// The permission bits of the group and of others.
const NOT_OWNERS: u32 = 0o077;
/// The permission bits of others only: a group may be the way in which a secret is handed to the process.
const OTHERS: u32 = 0o007;

/// The paths with user data or secrets, with their keys.
fn guarded(config: &Config) -> Vec<(&'static [&'static str], PathBuf)> {
    let store: (&'static [&'static str], _) = (&["store.path"], config.store.path.clone());
    let pepper = config.secrets.pepper_file.clone().map(|path| (&["secrets.pepper_file"][..], path));
    std::iter::once(store).chain(pepper).collect()
}

/// The paths that others can read and that this user cannot change. A path that does not exist is created with the
/// right mode.
pub(super) fn wide_open(config: &Config) -> Vec<ConfigFinding> {
    let mut findings = Vec::new();
    for (keys, path) in guarded(config) {
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.mode() & OTHERS != 0 && !is_own(&about) {
            let problem = format!("others can read {} (mode {:04o})", path.display(), about.mode() & 0o7777);
            let fix = "give it to the user that runs this program, or take the rights of others from it";
            findings.push(finding(keys, &problem, fix));
        }
    }
    findings
}

/// A mode that cannot be changed.
#[derive(Debug, thiserror::Error)]
#[error("{key}: others can read {} (mode {mode:04o}), and that cannot be changed: {reason}", path.display())]
pub struct FileModeFault {
    key: &'static str,
    path: PathBuf,
    mode: u32,
    reason: io::Error,
}

/// Removes the permissions of the group and of others from the paths that this user owns, and logs it.
///
/// Fails if others can read a path and its mode cannot be changed, as on a read-only file system.
pub fn tighten(config: &Config) -> Result<(), FileModeFault> {
    for (keys, path) in guarded(config) {
        let Ok(about) = fs::metadata(&path) else { continue };
        let mode = about.mode() & 0o7777;
        if mode & NOT_OWNERS == 0 || !is_own(&about) {
            continue;
        }
        match set_mode(&path, mode & !NOT_OWNERS) {
            Ok(()) => {
                let (path, was) = (path.display(), format!("{mode:04o}"));
                tracing::warn!(%path, was, "others had permissions on this path; they were removed");
            }
            Err(reason) if mode & OTHERS != 0 => {
                let key = keys.first().copied().unwrap_or_default();
                return Err(FileModeFault { key, path, mode, reason });
            }
            // Only the group has permissions, which may be intended.
            Err(_) => {}
        }
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn is_own(about: &fs::Metadata) -> bool {
    about.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_this_users_own_is_tightened_and_nothing_else_is_touched() {
        let outer = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.path = outer.path().join("data");
        config.secrets.pepper_file = Some(outer.path().join("pepper"));
        tighten(&config).unwrap();
        fs::create_dir(&config.store.path).unwrap();
        fs::write(outer.path().join("pepper"), "x").unwrap();
        set_mode(&config.store.path, 0o2755).unwrap();
        set_mode(&outer.path().join("pepper"), 0o640).unwrap();
        assert!(wide_open(&config).is_empty(), "it can be tightened");
        tighten(&config).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(&config.store.path), mode(&outer.path().join("pepper"))), (0o2700, 0o600));
    }
}
