//! `majordomo completions SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliFailure, Terminal};

/// The shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell to print completions for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, terminal: &Terminal) -> Result<(), CliFailure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "majordomo", &mut script);
        terminal.print(String::from_utf8_lossy(&script))
    }
}
