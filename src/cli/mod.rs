//! The command line.
//!
//! Owns: the commands, one file each, what they print, and the exit codes:
//!
//! ```text
//! 0   done
//! 1   fault: it could not be done; one line on standard error says why, and nothing was changed
//! 2   usage or configuration: the command line or the settings are wrong; every error on a line of its own
//! ```
//!
//! Must not know: rules of the business. Begin with `Command` below; `terminal.rs` is the only place that prints.

mod client;
mod clock;
mod completions;
mod config;
mod health;
mod keys;
mod notify;
mod offline;
mod process;
mod serve;
mod settings;
mod snapshot;
mod store;
mod terminal;
mod user;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use settings::CliSettings;
pub use terminal::{CliFailure, Terminal};

/// The household of an application in one binary: sign-in, one-time codes, notifications, and a record of all that
/// happened.
#[derive(Debug, Parser)]
#[command(name = "majordomo", version, propagate_version = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    settings: CliSettings,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Settings come from flags, before the environment (MAJORDOMO__SECTION__KEY), before the file, before defaults.
The file is the first of: --config FILE, MAJORDOMO_CONFIG, majordomo.toml in the working directory.

Exit codes: 0 done; 1 a fault, nothing was changed; 2 the command line or the configuration is wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Look at the configuration, or begin one
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask the running server whether it is ready; exits with 0 if it is
    Health(health::Health),
    /// Look after the store
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Copies of the store
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Keys that sign tokens, and keys of the store
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Users, with the server running or without
    #[command(subcommand)]
    User(user::UserCommand),
    /// The clock of the running server
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    /// Notifications: try whether they go out, let a restored store send
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Runs the command that `arguments` name, the program's own name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let terminal = Terminal;
    // Every command may read keys.
    process::forbid_core_dumps();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => return terminal.usage(&refusal),
    };
    let result = match cli.command {
        Command::Serve(serve) => serve.run(&cli.settings, &terminal),
        Command::Config(command) => command.run(&cli.settings, &terminal),
        Command::Health(health) => health.run(&cli.settings, &terminal),
        Command::Store(command) => command.run(&cli.settings, &terminal),
        Command::Snapshot(command) => command.run(&cli.settings, &terminal),
        Command::Keys(command) => command.run(&cli.settings, &terminal),
        Command::User(command) => command.run(&cli.settings, &terminal),
        Command::Clock(command) => command.run(&cli.settings, &terminal),
        Command::Notify(command) => command.run(&cli.settings, &terminal),
        Command::Completions(completions) => completions.run(&terminal),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal.failed(&failure),
    }
}
