//! Grants a role to the user with an address, from the command line.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    domain::user::User,
    persistence::{Decision, Tx, refuse, tables::user},
    supervision::Command,
    types::{Call, EmailAddress, Failure, Role, Roles, limits},
};

/// Adds a role to a user. Answers the user; writes nothing if the user has the role.
#[derive(Debug, Clone)]
pub struct Grant {
    pub email: EmailAddress,
    pub role: Role,
}

/// The reason why the role is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantRefusal {
    /// No user has the address.
    NotFound,
    /// The user has not proven the address.
    Unproven,
}

impl Command<UserContext> for Grant {
    type Answer = User;
    type Refusal = GrantRefusal;
    const KIND: &'static str = "grant";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<GrantRefusal>> {
        context.store.decide(context.write(&call), move |tx| commit(tx, &self)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: &Grant) -> Decision<User, GrantRefusal> {
    let Some(found) = user::find_by_email(tx, &command.email)? else { return refuse(GrantRefusal::NotFound) };
    if found.roles.has(command.role) {
        return Ok(found);
    }
    let to: Roles = found.roles.iter().chain([command.role]).collect();
    if !found.may_be_given(&to) {
        return refuse(GrantRefusal::Unproven);
    }
    Ok(writes::give_roles(tx, found, to)?)
}
