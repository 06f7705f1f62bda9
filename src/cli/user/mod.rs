//! `majordomo user ...`
//!
//! Owns: the commands on users, one file each. Must not know: the rules. They are in the commands of `actors/user`,
//! which a running server and a closed store share. Begin with `UserCommand`.

mod create_admin;
mod end_sessions;
mod grant;
mod list;
mod password;
mod request;
mod reset_password;
mod show;
mod unlock;

use clap::Subcommand;

use super::{CliFailure, CliSettings, Terminal};
use crate::types::{EmailAddress, Role};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List the users, newest first
    List(list::UserList),
    /// Show one user
    Show(show::UserShow),
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
            Self::List(list) => list.run(&config, terminal),
            Self::Show(show) => show.run(&config, terminal),
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

/// A role on the command line.
fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|invalid: crate::types::Invalid| invalid.detail.into_owned())
}

/// `text` as a value of a query (RFC 3986 section 2.1).
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded =
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}
