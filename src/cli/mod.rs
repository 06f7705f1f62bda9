//! The command line.
//!
//! Owns: the commands, one file each, their output, and the exit codes:
//!
//! ```text
//! 0   success
//! 1   fault: the command failed; one line on standard error states the reason, and nothing was changed
//! 2   usage or configuration: the command line or the settings are wrong; one line per error
//! ```
//!
//! Must not know: business rules. Begin with `Command` below; only `terminal.rs` prints.

mod actors;
mod client;
mod clock;
mod compact;
mod completions;
mod config;
mod health;
mod keys;
mod log;
mod notify;
mod offline;
mod openapi;
mod ownership;
mod process;
mod record_form;
mod serve;
mod settings;
mod snapshot;
mod store;
mod table;
mod terminal;
mod top;
mod tty;
mod user;
mod watched_fs;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use settings::CliSettings;
pub use terminal::{CliFailure, Terminal};

/// Back-office services of an application in one binary: sign-in, one-time codes, notifications, event log and audit
/// log.
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
The file is the first of: --config FILE, MAJORDOMO_CONFIG, majordomo.toml in the working directory,
/etc/majordomo/config.toml. With the last one, that of the systemd unit, store.path is /var/lib/majordomo/data and the
key ring is /etc/majordomo/key_ring unless they are set.

Commands that ask for --password-file ask at the terminal without it, and read standard input for `-`. Colours are for
terminals; NO_COLOR=1 switches them off.

Exit codes: 0 done; 1 a fault, nothing was changed; 2 the command line or the configuration is wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Check, explain and print the configuration, or write a settings file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Check whether the running server is ready; exits with 0 if it is
    Health(health::Health),
    /// Show the actors of the running server, with mailboxes, rates, restarts and failures, until `q` is pressed
    Top(top::Top),
    /// Print the actors of the running server once
    Actors(actors::Actors),
    /// Verify or compact the store
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Create a snapshot of the store, or restore one
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Create and rotate the key ring, rotate signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Manage users, with the server running or stopped
    #[command(subcommand)]
    User(user::UserCommand),
    /// Accept the clock of the running server
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    /// Set the level of the running server's log for a while
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Test the sending of notifications, or resume it for a restored store
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// Print the description of the REST API (OpenAPI 3.1), with the settings of this installation
    Openapi(openapi::Openapi),
    /// Print shell completions
    Completions(completions::Completions),
}

/// Runs the command of `arguments`; the first argument is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let terminal = Terminal::of_process();
    // Every command can read keys.
    process::forbid_core_dumps();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => return terminal.usage(&refusal),
    };
    let result = match cli.command {
        Command::Serve(serve) => serve.run(&cli.settings, &terminal),
        Command::Config(command) => command.run(&cli.settings, &terminal),
        Command::Health(health) => health.run(&cli.settings, &terminal),
        Command::Top(top) => top.run(&cli.settings, &terminal),
        Command::Actors(actors) => actors.run(&cli.settings, &terminal),
        Command::Store(command) => command.run(&cli.settings, &terminal),
        Command::Snapshot(command) => command.run(&cli.settings, &terminal),
        Command::Keys(command) => command.run(&cli.settings, &terminal),
        Command::User(command) => command.run(&cli.settings, &terminal),
        Command::Clock(command) => command.run(&cli.settings, &terminal),
        Command::Log(command) => command.run(&cli.settings, &terminal),
        Command::Notify(command) => command.run(&cli.settings, &terminal),
        Command::Openapi(openapi) => openapi.run(&cli.settings, &terminal),
        Command::Completions(completions) => completions.run(&terminal),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal.failed(&failure),
    }
}
