//! `[log]`

use std::path::PathBuf;

use super::{section::section, value::Choice};

section! {
    /// The log of the process: to standard error and, if it is set, to a directory.
    pub struct LogConfig {
        /// "human" for reading, "json" for log collectors.
        format: LogFormat = LogFormat::Human;
        /// The least severe level that is written: "error", "warn", "info", "debug", "trace".
        level: LogLevel = LogLevel::Info;
        /// Directory for combined.log (all lines) and error.log (errors and warnings), links to the files of the day;
        /// of each, the newest 30 are kept. "" means standard error alone.
        directory: Option<PathBuf> = None;
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text per event.
    Human,
    /// One JSON object per line.
    Json,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures that need an operator now.
    Error,
    /// Failures that may need an operator.
    Warn,
    /// Events of normal operation.
    Info,
    /// Details of normal operation.
    Debug,
    /// All details.
    Trace,
}

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}
