//! `majordomo config ...`
//!
//! Owns: what operators see of the settings. Must not know: how settings are read. Begin with `ConfigCommand`.

mod check;
mod explain;
mod init;
mod print;

use clap::Subcommand;

use super::{CliFailure, CliSettings, Terminal};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Write a settings file in which every key stands with its default, commented out
    Init(init::Init),
    /// Say everything that is wrong with the settings
    Check(check::ConfigCheck),
    /// Print the settings in force and where each comes from; secrets as ***
    Print(print::Print),
    /// Say what a key is for, what it takes and what it is; without a key, list all
    Explain(explain::Explain),
}

impl ConfigCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        match self {
            Self::Init(init) => init.run(terminal),
            Self::Check(check) => check.run(settings, terminal),
            Self::Print(print) => print.run(settings, terminal),
            Self::Explain(explain) => explain.run(settings, terminal),
        }
    }
}
