//! Giving a role to whoever has an address, from the command line.

use std::sync::Arc;

use super::{UserContext, change_roles};
use crate::{
    domain::user::User,
    persistence::{Verdict, Write, tables::user},
    types::{Call, EmailAddress, Fault, Role, Roles},
};

/// Who is to hold which role besides those they have.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The user's address.
    pub email: EmailAddress,
    /// The role.
    pub role: Role,
}

/// Why the role is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantRefusal {
    /// No user has the address.
    NotFound,
    /// The user has not proven the address.
    Unproven,
}

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: Grant,
) -> Result<Result<User, GrantRefusal>, Fault> {
    let write = Write::of(&call, context.system.stamp());
    context
        .store
        .old_write(write, move |tx| {
            let Some(found) = user::find_by_email(tx, &command.email)? else {
                return Ok(Verdict::Discard(Err(GrantRefusal::NotFound)));
            };
            if found.roles.has(command.role) {
                return Ok(Verdict::Discard(Ok(found)));
            }
            let to: Roles = found.roles.iter().chain([command.role]).collect();
            if !change_roles::may_hold(&found, &to) {
                return Ok(Verdict::Discard(Err(GrantRefusal::Unproven)));
            }
            Ok(Verdict::Commit(Ok(change_roles::apply(tx, found, to)?)))
        })
        .await
}
