//! `majordomo log ...`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliFailure, CliSettings, Terminal, client};
use crate::{
    config::{Choice, LogLevel, Text},
    types::limits,
};

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Set the level of the running server's log for a while, or show it
    Level(Level),
}

/// The level and its time.
#[derive(Debug, Args)]
pub(super) struct Level {
    /// error, warn, info, debug or trace; without it the level is shown
    #[arg(value_parser = level)]
    level: Option<LogLevel>,
    /// How long it holds, such as 15m or 2h, at most 24h; 15m without it
    #[arg(long = "for", value_name = "TIME", requires = "level", value_parser = time)]
    time: Option<Duration>,
}

fn level(text: &str) -> Result<LogLevel, String> {
    LogLevel::parse(text).map_err(|_| format!("write {}", LogLevel::notation()))
}

/// A time from 1 s to 24 h.
fn time(text: &str) -> Result<Duration, String> {
    let is_fit = |time: &Duration| (Duration::from_secs(1)..=limits::LOG_LEVEL_FOR_MAX).contains(time);
    Duration::parse(text).ok().filter(is_fit).ok_or_else(|| "write a time such as 15m or 2h, 1s to 24h".to_owned())
}

impl LogCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        const LEVEL: &str = "/log/level";
        let Self::Level(Level { level, time }) = self;
        let config = settings.read(terminal)?.config;
        let report = match level {
            None => client::read_running(&config, LEVEL, limits::CLIENT_TIMEOUT)?,
            Some(level) => {
                let time = time.map(|time| format!("PT{}S", time.as_secs()));
                let body = json!({ "level": level.word(), "for": time });
                client::set_running(&config, LEVEL, &body, limits::CLIENT_TIMEOUT)?
            }
        };
        let no_server = "no server runs; `log.level` in the settings is the level of its next start";
        let report = report.ok_or_else(|| CliFailure::Fault(no_server.to_owned()))?;
        terminal.print(format_args!("{}\n", words(&report)))
    }
}

fn words(report: &Value) -> String {
    let text = |name: &str| report.get(name).and_then(Value::as_str);
    let level = text("level").unwrap_or("?");
    match text("until") {
        Some(until) => format!("the log has level {level} until {until}, then {}", text("configured").unwrap_or("?")),
        None => format!("the log has level {level}, as configured"),
    }
}
