//! The form in which commands print records.

use std::fmt::Display;

use clap::Args;
use serde_json::Value;

use super::{CliFailure, Terminal};

/// The flag `--json`.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct RecordForm {
    /// Print records as JSON, one per line
    #[arg(long)]
    json: bool,
}

impl RecordForm {
    /// Whether `--json` is set.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `record` as JSON, or else `text`, which ends with a line break.
    pub(super) fn print(self, terminal: &Terminal, record: &Value, text: impl Display) -> Result<(), CliFailure> {
        if self.json { terminal.print(format_args!("{record}\n")) } else { terminal.print(text) }
    }
}
