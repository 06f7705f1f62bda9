//! What root writes into a store belongs to the owner of the store's directory, such as the user of the systemd unit:
//! otherwise the server could not open it.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fchown, fstat, openat},
    process::geteuid,
};

/// Links are not followed, and a pipe does not block.
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Gives the files of root in `dir` to the owner of `dir`. Does nothing for other users, and in a directory of root.
pub(super) fn hand_over(dir: &Path) -> io::Result<()> {
    if !geteuid().is_root() || !dir.exists() {
        return Ok(());
    }
    let dir = openat(CWD, dir, LOOK.union(OFlags::DIRECTORY).difference(OFlags::NOFOLLOW), Mode::empty())?;
    let owner = fstat(&dir)?;
    if owner.st_uid == 0 {
        return Ok(());
    }
    give(&dir, (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid)))
}

/// The owner of a directory that a command has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewOwner {
    /// The user of the command, which is not root, or an owner that it had before.
    Unchanged,
    /// The owner of its parent, by the number of the user.
    Given(u32),
    /// Root, as is its parent.
    Root,
}

/// Gives the new directory `dir` of root, and the files of root in it, to the owner of its parent, such as the user of
/// the systemd unit.
pub(super) fn hand_over_new(dir: &Path) -> io::Result<NewOwner> {
    if !geteuid().is_root() {
        return Ok(NewOwner::Unchanged);
    }
    let whole = std::path::absolute(dir)?;
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else { return Ok(NewOwner::Unchanged) };
    let parent = openat(CWD, parent, LOOK.union(OFlags::DIRECTORY).difference(OFlags::NOFOLLOW), Mode::empty())?;
    let made = openat(&parent, name, LOOK.union(OFlags::DIRECTORY), Mode::empty())?;
    let owner = fstat(&parent)?;
    if fstat(&made)?.st_uid != 0 {
        hand_over(dir)?;
        return Ok(NewOwner::Unchanged);
    }
    if owner.st_uid == 0 {
        return Ok(NewOwner::Root);
    }
    let (user, group) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
    fchown(&made, Some(user), Some(group))?;
    give(&made, (user, group))?;
    Ok(NewOwner::Given(owner.st_uid))
}

/// A file with a second name is left alone: the owner of the directory can make one for a file of root elsewhere.
fn give(dir: &OwnedFd, (user, group): (Uid, Gid)) -> io::Result<()> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(found) = openat(dir.as_fd(), name, LOOK, Mode::empty()) else { continue };
        let stat = fstat(&found)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_plain = kind.is_dir() || (kind.is_file() && stat.st_nlink == 1);
        if stat.st_uid == 0 && is_plain {
            fchown(&found, Some(user), Some(group))?;
        }
        if kind.is_dir() {
            give(&found, (user, group))?;
        }
    }
    Ok(())
}
