//! `majordomo clock ...`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliFailure, CliSettings, Terminal, client};
use crate::types::limits;

#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Accept the time of the machine's clock for the running server, also backwards
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
                let time = |name| answer.get(name).and_then(serde_json::Value::as_str).unwrap_or("?");
                let (now, before) = (time("now"), time("before"));
                terminal.print(format_args!("the time is accepted: {now} (it was {before})\n"))
            }
        }
    }
}
