//! `majordomo user ...`
//!
//! Owns: what operators do to users from the command line, one file a command. Must not know: the rules, which are in
//! the flows of `actors/user`, the same for a running server and for a closed store. Begin with `Command`.

mod create_admin;
mod offline;
mod password;

use clap::Subcommand;

use super::{Failure, Settings, Terminal};
use crate::types::EmailAddress;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an administrator, whose address counts as proven
    CreateAdmin(create_admin::CreateAdmin),
}

impl Command {
    pub(super) fn run(&self, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::CreateAdmin(create_admin) => create_admin.run(&config, terminal),
        }
    }
}

/// An address on the command line.
fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|invalid| invalid.detail.into_owned())
}
