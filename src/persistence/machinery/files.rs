//! Small files that are there whole or not at all.

use std::{io, path::Path};

use super::fs::Fs;

/// Replaces `name` in `dir` by `content`: written anew, synced, renamed, the directory synced.
pub fn replace(fs: &dyn Fs, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.new"));
    let mut file = fs.create(&unfinished)?;
    file.write_at(content, 0)?;
    file.sync()?;
    fs.rename(&unfinished, &dir.join(name))?;
    fs.sync_dir(dir)
}

/// The content of a small file; none if it is not there. One above 1 MiB is not a file of ours.
pub fn read(fs: &dyn Fs, path: &Path) -> io::Result<Option<Vec<u8>>> {
    const LARGEST: u64 = 1 << 20;
    let file = match fs.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.length()?;
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is larger than it can be"));
    }
    let mut content = vec![0; length as usize];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(Some(content))
}

/// The directory that holds `path`.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
