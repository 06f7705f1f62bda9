//! `majordomo config print`

use clap::Args;

use super::{Failure, Settings, Terminal};
use crate::config::print;

/// Nothing to choose.
#[derive(Debug, Args)]
pub(in crate::cli) struct Print {}

impl Print {
    pub(super) fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
        terminal.print(print::in_force(&settings.read(terminal)?))
    }
}
