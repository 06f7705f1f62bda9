//! From one status to another: who may ask for it, and what it ends.

use super::{Status, User};
use crate::types::Timestamp;

/// What asks for a change of status.
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
    /// Shut out for safety's sake.
    Lock,
    /// Let in again.
    Unlock,
    /// Shut out by an administrator.
    Disable,
    /// Let in again by an administrator.
    Enable,
}

/// Whether the owner of the address has proven it; decides where `Enable` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressProof {
    /// Proven.
    Verified,
    /// Not yet.
    Unverified,
}

/// What a change of status comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// It is so already; nothing is written, nothing is told.
    Unchanged,
    /// The user may enter, or may by verifying.
    Opened {
        /// The new status.
        to: Status,
    },
    /// The user is shut out: every session ends in the same transaction.
    Shut {
        /// The new status.
        to: Status,
    },
}

/// That status cannot be left that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user who is {} cannot be {}", from.as_str(), past_participle(*command))]
pub struct NoWay {
    /// The status the user has.
    pub from: Status,
    /// What was asked for.
    pub command: StatusCommand,
}

/// Where `command` leads from `from`.
pub fn change(from: Status, command: StatusCommand, proof: AddressProof) -> Result<StatusChange, NoWay> {
    use StatusChange::{Opened, Shut, Unchanged};
    let no_way = Err(NoWay { from, command });
    match (command, from) {
        (StatusCommand::Verify, Status::Pending) => Ok(Opened { to: Status::Active }),
        (StatusCommand::Verify, Status::Active) => Ok(Unchanged),
        (StatusCommand::Verify, Status::Locked | Status::Disabled) => no_way,

        (StatusCommand::Lock, Status::Active) => Ok(Shut { to: Status::Locked }),
        (StatusCommand::Lock, Status::Locked) => Ok(Unchanged),
        (StatusCommand::Lock, Status::Pending | Status::Disabled) => no_way,

        (StatusCommand::Unlock, Status::Locked) => Ok(Opened { to: Status::Active }),
        (StatusCommand::Unlock, Status::Active) => Ok(Unchanged),
        (StatusCommand::Unlock, Status::Pending | Status::Disabled) => no_way,

        (StatusCommand::Disable, Status::Pending | Status::Active | Status::Locked) => {
            Ok(Shut { to: Status::Disabled })
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

/// Where `command` leads this user.
pub fn of_user(user: &User, command: StatusCommand) -> Result<StatusChange, NoWay> {
    let proof = if user.email_verified { AddressProof::Verified } else { AddressProof::Unverified };
    change(user.status, command, proof)
}

/// The user once the address is proven. Who reads the address has proven it; who is shut out stays so.
pub fn with_proven_address(user: User, now: Timestamp) -> User {
    let status = match change(user.status, StatusCommand::Verify, AddressProof::Verified) {
        Ok(StatusChange::Opened { to }) => to,
        Ok(StatusChange::Unchanged | StatusChange::Shut { .. }) | Err(_) => user.status,
    };
    User { status, email_verified: true, updated_at: now, version: user.version + 1, ..user }
}

/// The command that `PUT /users/{id}/status` stands for when it names the status a user shall have.
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

    /// A row a command; the columns are the status before. `=`: unchanged, `-`: no way, `!`: sessions end.
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
                    Ok(StatusChange::Shut { to }) => format!("{}!", to.as_str()),
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
