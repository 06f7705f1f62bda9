//! `majordomo clock ...`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliFailure, CliSettings, Terminal, client};
use crate::types::limits;

#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Accept the time of the running server, after its clock jumped ahead or lagged
    Accept(Accept),
}

/// No arguments.
#[derive(Debug, Args)]
pub(super) struct Accept {}

impl ClockCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Accept(Accept {}) => {
                let answer = client::ask_running(&config, "/clock/accept", &json!({}), limits::CLIENT_TIMEOUT)?;
                let answer = answer.ok_or_else(|| {
                    CliFailure::Fault(
                        "no server runs, so there is no clock to accept; start it (`majordomo serve`)".to_owned(),
                    )
                })?;
                let now = answer.get("now").and_then(serde_json::Value::as_str).unwrap_or("?");
                terminal.print(format_args!("the time is accepted: {now}\n"))
            }
        }
    }
}
