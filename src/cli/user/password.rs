//! Passwords are read from files, because every process of the machine can read a command line.

use std::{fs::File, io::Read, path::PathBuf};

use clap::Args;

use super::CliFailure;
use crate::types::{Secret, limits};

/// The source of a password.
#[derive(Debug, Args)]
pub(super) struct PasswordFile {
    /// The file with the password; a line break at its end is ignored
    #[arg(long = "password-file", value_name = "FILE")]
    file: PathBuf,
}

impl PasswordFile {
    /// The password in the file.
    pub(super) fn read(&self) -> Result<Secret, CliFailure> {
        let fault = |cause: &dyn std::fmt::Display| CliFailure::fault(self.file.display(), cause);
        let mut text = String::new();
        let most = limits::SECRET_INPUT_MAX as u64;
        let read = File::open(&self.file).and_then(|file| file.take(most + 1).read_to_string(&mut text));
        let text = match read {
            Ok(_) => Secret::new(text),
            Err(error) => {
                drop(Secret::new(text));
                return Err(fault(&error));
            }
        };
        if text.reveal().len() > limits::SECRET_INPUT_MAX {
            return Err(fault(&format_args!("a password has at most {most} bytes")));
        }
        let line = text.reveal();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let password = line.strip_suffix('\r').unwrap_or(line);
        if password.is_empty() {
            return Err(fault(&"it is empty"));
        }
        Ok(Secret::new(password))
    }
}
