//! `[log]`

use std::path::PathBuf;

use super::{section::section, value::Choice};

section! {
    /// What the process writes about itself, to standard error and, if that is set, to a directory.
    pub struct LogConfig {
        /// "human" for reading, "json" for collecting.
        format: LogFormat = LogFormat::Human;
        /// The least that is written: "error", "warn", "info", "debug", "trace".
        level: LogLevel = LogLevel::Info;
        /// Directory for combined.log (all lines) and error.log (errors and warnings), links to the files of the day;
        /// of each, the newest 30 are kept. "" means standard error alone.
        directory: Option<PathBuf> = None;
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for the eye.
    Human,
    /// One JSON object a line.
    Json,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

/// The least severe thing that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs somebody now.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Everything.
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
