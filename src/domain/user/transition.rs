//! The transitions between statuses, and whether they end sessions.

use super::{Status, User};
use crate::types::Timestamp;

/// The command that changes a status.
///
/// ```text
///             verify                 lock                      disable
/// [pending] ----------> [active] ------------> [locked]    pending, active, locked -----> [disabled]
///                          ^        unlock        |                                           |
///                          '----------------------'        active, or pending if the address  |
///                          '------------ enable ------------- was never verified -------------'
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCommand {
    /// The address was proven, by code or by a password reset.
    Verify,
    /// The user is locked for security.
    Lock,
    /// An operator unlocks the user.
    Unlock,
    /// An administrator disables the user.
    Disable,
    /// An administrator enables the user.
    Enable,
}

/// Whether the owner of the address has proven it. It decides the target of `Enable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressProof {
    Verified,
    Unverified,
}

/// The effect of a change of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// The status is already the wanted one: no write, no event.
    Unchanged,
    /// The user may sign in, or may do so after verifying.
    Opened { to: Status },
    /// The user may no longer sign in: every session ends in the same transaction.
    Ended { to: Status },
}

/// The status does not allow the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user who is {} cannot be {}", from.as_str(), past_participle(*command))]
pub struct NoWay {
    pub from: Status,
    pub command: StatusCommand,
}

/// The change by `command` from the status `from`.
pub fn change(from: Status, command: StatusCommand, proof: AddressProof) -> Result<StatusChange, NoWay> {
    use StatusChange::{Ended, Opened, Unchanged};
    let no_way = Err(NoWay { from, command });
    match (command, from) {
        (StatusCommand::Verify, Status::Pending) => Ok(Opened { to: Status::Active }),
        (StatusCommand::Verify, Status::Active) => Ok(Unchanged),
        (StatusCommand::Verify, Status::Locked | Status::Disabled) => no_way,

        (StatusCommand::Lock, Status::Active) => Ok(Ended { to: Status::Locked }),
        (StatusCommand::Lock, Status::Locked) => Ok(Unchanged),
        (StatusCommand::Lock, Status::Pending | Status::Disabled) => no_way,

        (StatusCommand::Unlock, Status::Locked) => Ok(Opened { to: Status::Active }),
        (StatusCommand::Unlock, Status::Active) => Ok(Unchanged),
        (StatusCommand::Unlock, Status::Pending | Status::Disabled) => no_way,

        (StatusCommand::Disable, Status::Pending | Status::Active | Status::Locked) => {
            Ok(Ended { to: Status::Disabled })
        }
        (StatusCommand::Disable, Status::Disabled) => Ok(Unchanged),

        (StatusCommand::Enable, Status::Disabled) => Ok(Opened {
            to: match proof {
                AddressProof::Verified => Status::Active,
                AddressProof::Unverified => Status::Pending,
            },
        }),
        (StatusCommand::Enable, Status::Active | Status::Pending) => Ok(Unchanged),
        (StatusCommand::Enable, Status::Locked) => no_way,
    }
}

/// The change by `command` for `user`.
pub fn of_user(user: &User, command: StatusCommand) -> Result<StatusChange, NoWay> {
    let proof = if user.email_verified { AddressProof::Verified } else { AddressProof::Unverified };
    change(user.status, command, proof)
}

/// The user after proving the address. A locked or disabled user keeps that status.
pub fn with_proven_address(user: User, now: Timestamp) -> User {
    let status = match change(user.status, StatusCommand::Verify, AddressProof::Verified) {
        Ok(StatusChange::Opened { to }) => to,
        Ok(StatusChange::Unchanged | StatusChange::Ended { .. }) | Err(_) => user.status,
    };
    User { status, email_verified: true, updated_at: now, version: user.version + 1, ..user }
}

/// The command for `PUT /users/{id}/status`, which states the wanted status; `None` if there is none.
pub fn command_for(from: Status, wanted: Status) -> Option<StatusCommand> {
    match (from, wanted) {
        (Status::Locked, Status::Active) => Some(StatusCommand::Unlock),
        (Status::Pending | Status::Active | Status::Disabled, Status::Active) => Some(StatusCommand::Enable),
        (Status::Pending | Status::Active | Status::Locked | Status::Disabled, Status::Locked) => {
            Some(StatusCommand::Lock)
        }
        (Status::Pending | Status::Active | Status::Locked | Status::Disabled, Status::Disabled) => {
            Some(StatusCommand::Disable)
        }
        (Status::Pending | Status::Active | Status::Locked | Status::Disabled, Status::Pending) => None,
    }
}

fn past_participle(command: StatusCommand) -> &'static str {
    match command {
        StatusCommand::Verify => "verified",
        StatusCommand::Lock => "locked",
        StatusCommand::Unlock => "unlocked",
        StatusCommand::Disable => "disabled",
        StatusCommand::Enable => "enabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 4] = [Status::Pending, Status::Active, Status::Locked, Status::Disabled];

    /// One row per command; the columns are the status before. `=`: unchanged, `-`: refused, `!`: sessions end.
    const TABLE: &str = "\
command  pending    active     locked     disabled
Verify   active     =          -          -
Lock     -          locked!    =          -
Unlock   -          =          active     -
Disable  disabled!  disabled!  disabled!  =
Enable   =          =          -          active
";

    #[test]
    fn the_table_is_what_was_reviewed() {
        let mut table = format!("{:<9}", "command");
        table.push_str(&ALL.map(|status| format!("{:<11}", status.as_str())).concat());
        table = format!("{}\n", table.trim_end());
        for command in [
            StatusCommand::Verify,
            StatusCommand::Lock,
            StatusCommand::Unlock,
            StatusCommand::Disable,
            StatusCommand::Enable,
        ] {
            let mut row = format!("{:<9}", format!("{command:?}"));
            for from in ALL {
                let cell = match change(from, command, AddressProof::Verified) {
                    Ok(StatusChange::Unchanged) => "=".to_owned(),
                    Ok(StatusChange::Opened { to }) => to.as_str().to_owned(),
                    Ok(StatusChange::Ended { to }) => format!("{}!", to.as_str()),
                    Err(NoWay { .. }) => "-".to_owned(),
                };
                row.push_str(&format!("{cell:<11}"));
            }
            table.push_str(row.trim_end());
            table.push('\n');
        }
        assert_eq!(table, TABLE);
    }

    #[test]
    fn enabling_does_not_verify_an_address() {
        let enabled = change(Status::Disabled, StatusCommand::Enable, AddressProof::Unverified);
        assert_eq!(enabled, Ok(StatusChange::Opened { to: Status::Pending }));
        let pending = change(Status::Pending, StatusCommand::Enable, AddressProof::Unverified);
        assert_eq!(pending, Ok(StatusChange::Unchanged));
    }

    #[test]
    fn a_refusal_says_what_was_wanted() {
        let refusal = change(Status::Locked, StatusCommand::Enable, AddressProof::Verified).unwrap_err();
        assert_eq!(refusal.to_string(), "a user who is locked cannot be enabled");
    }
}
