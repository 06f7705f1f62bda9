//! `majordomo config ...`
//!
//! Owns: the commands on the settings. Must not know: how settings are read. Begin with `ConfigCommand`.

mod check;
mod explain;
mod init;
mod print;

use clap::Subcommand;

use super::{CliFailure, CliSettings, Terminal};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Write a settings file with every key and its default, commented out
    Init(init::Init),
    /// Report all errors in the settings
    Check(check::ConfigCheck),
    /// Print the settings in force and the source of each; secrets as ***
    Print(print::Print),
    /// Explain a key: its purpose, its type and its value; without a key, list all
    Explain(explain::Explain),
}

impl ConfigCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        match self {
            Self::Init(init) => init.run(settings, terminal),
            Self::Check(check) => check.run(settings, terminal),
            Self::Print(print) => print.run(settings, terminal),
            Self::Explain(explain) => explain.run(settings, terminal),
        }
    }
}
