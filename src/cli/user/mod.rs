//! `majordomo user ...`
//!
//! Owns: the commands on users, one file each. Must not know: the rules. They are in the commands of `actors/user`,
//! which a running server and a closed store share. Begin with `UserCommand`.

mod create_admin;
mod end_sessions;
mod grant;
mod password;
mod request;
mod reset_password;
mod unlock;

use clap::Subcommand;

use super::{CliFailure, CliSettings, Terminal};
use crate::types::EmailAddress;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Create an administrator, whose address counts as proven
    CreateAdmin(create_admin::UserCreateAdmin),
    /// Set a user's password and end all sessions of the user
    ResetPassword(reset_password::UserResetPassword),
    /// Unlock a user and clear the failed login attempts
    Unlock(unlock::UserUnlock),
    /// Grant a role to a user
    Grant(grant::UserGrant),
    /// End all sessions of a user
    EndSessions(end_sessions::UserEndSessions),
}

impl UserCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::CreateAdmin(create_admin) => create_admin.run(&config, terminal),
            Self::ResetPassword(reset_password) => reset_password.run(&config, terminal),
            Self::Unlock(unlock) => unlock.run(&config, terminal),
            Self::Grant(grant) => grant.run(&config, terminal),
            Self::EndSessions(end_sessions) => end_sessions.run(&config, terminal),
        }
    }
}

/// An address on the command line.
fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|invalid| invalid.detail.into_owned())
}
