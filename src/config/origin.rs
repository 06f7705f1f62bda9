//! The source of a value.

use std::{fmt, path::PathBuf};

/// The source of a value, precise enough to find and change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// It is not set; the default applies.
    Default,
    /// It is not set; the default of an installation by the systemd unit applies.
    Unit,
    /// A line of the settings file.
    File {
        /// The path as given.
        path: PathBuf,
        /// The line, from 1.
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
            Self::Unit => f.write_str("default of the systemd unit"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One value from one source.
#[derive(Debug, Clone)]
pub(super) struct WrittenSetting {
    pub(super) key: String,
    pub(super) written: super::Written,
    pub(super) origin: SettingOrigin,
}
