//! Small files that are replaced atomically.

use std::{io, path::Path};

use super::fs::Fs;

/// Replaces `name` in `dir` by `content`: writes a new file, syncs it, renames it, and syncs the directory.
pub fn replace(fs: &dyn Fs, dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.new"));
    let mut file = fs.create(&unfinished)?;
    file.write_at(content, 0)?;
    file.sync()?;
    fs.rename(&unfinished, &dir.join(name))?;
    fs.sync_dir(dir)
}

/// The content of a small file; `None` if it does not exist. A file above 1 MiB is an error.
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
