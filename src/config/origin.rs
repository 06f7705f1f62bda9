//! Where a value came from.

use std::{fmt, path::PathBuf};

/// Where a value came from, precisely enough to go there and change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// Nobody set it.
    Default,
    /// A line of the settings file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The settings file as a whole.
    WholeFile(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// A flag, as it is written on the command line.
    Flag(String),
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One value as somebody set it.
#[derive(Debug, Clone)]
pub(super) struct WrittenSetting {
    pub(super) key: String,
    pub(super) written: super::Written,
    pub(super) origin: SettingOrigin,
}
