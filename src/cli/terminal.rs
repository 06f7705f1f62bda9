//! The only place that prints.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::config::{ConfigError, ConfigWarning};

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub enum CliFailure {
    /// It could not be done; nothing was changed. One line that says why.
    Fault(String),
    /// Whoever read the output has enough of it.
    Unheard,
    /// The settings are wrong: each error is a line.
    Config(Vec<ConfigError>),
    /// The command was told to look, and what it found and printed is not good.
    Found,
    /// The command line asks for something that makes no sense. One line.
    Usage(String),
}

impl CliFailure {
    /// A fault with its cause.
    pub fn fault(what: impl Display, cause: impl Display) -> Self {
        Self::Fault(format!("{what}: {cause}"))
    }
}

impl From<Vec<ConfigError>> for CliFailure {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Config(errors)
    }
}

/// Standard output and standard error.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

impl Terminal {
    /// What the command was asked for, on standard output.
    pub fn print(&self, text: impl Display) -> Result<(), CliFailure> {
        match write!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliFailure::Unheard),
            Err(error) => Err(CliFailure::fault("standard output", error)),
        }
    }

    /// A line about it, on standard error.
    pub fn note(&self, line: impl Display) {
        // Nobody is left to be told that standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// What the operator should know about the settings.
    pub fn warn(&self, warnings: &[ConfigWarning]) {
        for warning in warnings {
            self.note(format_args!("warning: {warning}"));
        }
    }

    /// Help, version, or what is wrong with the command line.
    pub(super) fn usage(&self, refusal: &clap::Error) -> ExitCode {
        // As above.
        let _ = refusal.print();
        if refusal.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }

    /// Says why, and gives the exit code.
    pub(super) fn failed(&self, failure: &CliFailure) -> ExitCode {
        match failure {
            CliFailure::Fault(line) => {
                self.note(format_args!("error: {line}"));
                ExitCode::from(1)
            }
            CliFailure::Unheard => ExitCode::SUCCESS,
            CliFailure::Config(errors) => {
                for error in errors {
                    self.note(format_args!("error: {error}"));
                }
                ExitCode::from(2)
            }
            CliFailure::Found => ExitCode::from(2),
            CliFailure::Usage(line) => {
                self.note(format_args!("error: {line}"));
                ExitCode::from(2)
            }
        }
    }
}
