//! The check that other users of the machine cannot read the store and the keys.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{
    LoadedConfig,
    check::{ConfigFinding, finding},
};

/// The permission bits of the group and of others.
const NOT_OWNERS: u32 = 0o077;
/// The permission bits of others only: a group may be the way in which a secret is handed to the process.
const OTHERS: u32 = 0o007;

/// The keys of secrets, each of which may be read from a file. The key ring checks the mode of its own file.
const SECRETS: [&[&str]; 1] = [&["notify.email.smtp_url"]];

/// The paths with user data or secrets, with their keys.
fn guarded(loaded: &LoadedConfig) -> Vec<(&'static [&'static str], PathBuf)> {
    let config = &loaded.config;
    let store: (&'static [&'static str], _) = (&["store.path"], config.store.path.clone());
    let pepper = config.secrets.pepper_file.clone().map(|path| (&["secrets.pepper_file"][..], path));
    let secrets = SECRETS.into_iter().filter_map(|keys| Some((keys, loaded.secret_files.get(*keys.first()?)?.clone())));
    std::iter::once(store).chain(pepper).chain(secrets).collect()
}

/// The paths that others can read and that this user cannot change. A path that does not exist is created with the
/// right mode.
pub(super) fn wide_open(loaded: &LoadedConfig) -> Vec<ConfigFinding> {
    let mut findings = Vec::new();
    for (keys, path) in guarded(loaded) {
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.mode() & OTHERS != 0 && !is_own(&about) {
            let problem = format!("others can read {} (mode {:04o})", path.display(), about.mode() & 0o7777);
            let fix = format!(
                "give it to the user that runs this program, or take the rights of others from it (`chmod o= {}`)",
                path.display()
            );
            findings.push(finding(keys, &problem, &fix));
        }
    }
    findings
}

/// A mode that cannot be changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "{key}: others can read {} (mode {mode:04o}), and that cannot be changed: {reason}; run: chmod o= {}",
    path.display(),
    path.display()
)]
pub struct FileModeFault {
    key: &'static str,
    path: PathBuf,
    mode: u32,
    reason: io::Error,
}

/// Removes the permissions of the group and of others from the paths that this user owns, and logs it.
///
/// Fails if others can read a path and its mode cannot be changed, as on a read-only file system.
pub fn tighten(loaded: &LoadedConfig) -> Result<(), FileModeFault> {
    for (keys, path) in guarded(loaded) {
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
    use crate::config::{Config, load::KnownKeys};

    #[test]
    fn the_file_of_every_secret_is_looked_at() {
        let known = KnownKeys::of(&mut Config::default());
        assert_eq!(known.secrets, SECRETS.map(|keys| keys[0]));
    }

    #[test]
    fn what_is_this_users_own_is_tightened_and_nothing_else_is_touched() {
        let outer = tempfile::tempdir().unwrap();
        let [data, pepper, smtp_url] = ["data", "pepper", "smtp_url"].map(|name| outer.path().join(name));
        let mut loaded = LoadedConfig::defaults();
        loaded.config.store.path = data.clone();
        loaded.config.secrets.pepper_file = Some(pepper.clone());
        loaded.secret_files.insert("notify.email.smtp_url".to_owned(), smtp_url.clone());
        tighten(&loaded).unwrap();
        fs::create_dir(&data).unwrap();
        fs::write(&pepper, "x").unwrap();
        fs::write(&smtp_url, "x").unwrap();
        set_mode(&data, 0o2755).unwrap();
        set_mode(&pepper, 0o640).unwrap();
        set_mode(&smtp_url, 0o644).unwrap();
        assert!(wide_open(&loaded).is_empty(), "it can be tightened");
        tighten(&loaded).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!([mode(&data), mode(&pepper), mode(&smtp_url)], [0o2700, 0o600, 0o600]);
    }
}
