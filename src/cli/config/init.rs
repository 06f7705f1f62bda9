//! `majordomo config init [FILE]`, or `majordomo config init --config FILE`

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use clap::Args;

use super::{CliFailure, CliSettings, Terminal};
use crate::config::{DEFAULT_FILE, print};

/// The target.
#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// The file to write, majordomo.toml without it; it must not exist. --config FILE names it too
    file: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let target = match (&self.file, settings.file()) {
            (Some(_), Some(_)) => {
                let fix = "write `majordomo config init FILE`, or `majordomo config init --config FILE`";
                return Err(CliFailure::Usage(format!("the file to write is named twice; {fix}")));
            }
            (Some(file), None) | (None, Some(file)) => file.clone(),
            (None, None) => PathBuf::from(DEFAULT_FILE),
        };
        let place = target.display();
        if target.exists() {
            let fix = "name another file (`majordomo config init FILE`), or move this one away";
            return Err(CliFailure::Fault(format!("{place} is there already; {fix}")));
        }
        let fault = |error: std::io::Error| CliFailure::fault(&place, error, "name a file that you can write");
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).map_err(fault)?;
        file.write_all(print::starting_point().as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
        terminal.print(format_args!("{place} is written; every key in it has its default\n"))
    }
}
