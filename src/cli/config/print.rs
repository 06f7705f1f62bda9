//! `majordomo config print`

use clap::Args;

use super::{CliFailure, CliSettings, Terminal};
use crate::config::print;

/// No arguments.
#[derive(Debug, Args)]
pub(in crate::cli) struct Print {}

impl Print {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        terminal.print(print::in_force(&settings.read(terminal)?))
    }
}
