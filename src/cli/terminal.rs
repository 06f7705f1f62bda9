//! The output of commands; no other code prints.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::config::{ConfigError, ConfigWarning};

/// The reason that a command failed.
#[derive(Debug)]
pub enum CliFailure {
    /// A fault; nothing was changed. One line with the reason.
    Fault(String),
    /// The reader of the output has closed the pipe.
    Unheard,
    /// The settings are wrong; one line per error.
    Config(Vec<ConfigError>),
    /// A check that found problems and has printed them.
    Found,
    /// A wrong command line. One line.
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
    /// Prints the result of the command on standard output.
    pub fn print(&self, text: impl Display) -> Result<(), CliFailure> {
        match write!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliFailure::Unheard),
            Err(error) => Err(CliFailure::fault("standard output", error)),
        }
    }

    /// Prints a note on standard error.
    pub fn note(&self, line: impl Display) {
        // A closed standard error cannot be reported anywhere.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Prints the warnings about the settings.
    pub fn warn(&self, warnings: &[ConfigWarning]) {
        for warning in warnings {
            self.note(format_args!("warning: {warning}"));
        }
    }

    /// Prints help, version, or the error in the command line.
    pub(super) fn usage(&self, refusal: &clap::Error) -> ExitCode {
        // A closed output cannot be reported anywhere.
        let _ = refusal.print();
        if refusal.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }

    /// Prints the reason and returns the exit code.
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
