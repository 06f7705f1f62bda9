//! `majordomo config init [FILE]`

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use clap::Args;

use super::{CliFailure, Terminal};
use crate::config::{DEFAULT_FILE, print};

/// The target.
#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// The file to write; it must not exist
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
}

impl Init {
    pub(super) fn run(&self, terminal: &Terminal) -> Result<(), CliFailure> {
        let place = self.file.display();
        if self.file.exists() {
            let fix = "name another file (`majordomo config init FILE`), or move this one away";
            return Err(CliFailure::Fault(format!("{place} is there already; {fix}")));
        }
        let fault =
            |error: std::io::Error| CliFailure::fault(&place, format_args!("{error}; name a file that you can write"));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.file).map_err(fault)?;
        file.write_all(print::starting_point().as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
        terminal.print(format_args!("{} is written; every key in it has its default\n", self.file.display()))
    }
}
