//! Replaces the roles of a user.

use std::{sync::Arc, time::Duration};

use super::{
    UserContext,
    writes::{self, UserVersionRefusal},
};
use crate::{
    domain::user::User,
    persistence::{Decision, Tx, refuse},
    supervision::Command,
    types::{Call, ExpectedVersion, Failure, Role, Roles, id::UserId, limits},
};

/// Replaces a user's roles. Answers the user; writes nothing if the roles are the same.
#[derive(Debug, Clone)]
pub struct ChangeRoles {
    pub user: UserId,
    /// All roles after the change.
    pub to: Roles,
    /// The versions of the user at which the change is allowed.
    pub from: ExpectedVersion,
}

/// The reason why the roles are not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRolesRefusal {
    /// There is no such user, or no such version.
    Version(UserVersionRefusal),
    /// The change would remove the last administrator.
    LastAdmin,
    /// The user has not proven the address and cannot get another role.
    Unproven,
}

impl From<UserVersionRefusal> for ChangeRolesRefusal {
    fn from(refusal: UserVersionRefusal) -> Self {
        Self::Version(refusal)
    }
}

impl Command<UserContext> for ChangeRoles {
    type Answer = User;
    type Refusal = ChangeRolesRefusal;
    const KIND: &'static str = "change_roles";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<ChangeRolesRefusal>> {
        context.store.decide(context.write(&call), move |tx| commit(tx, &self)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: &ChangeRoles) -> Decision<User, ChangeRolesRefusal> {
    let found = writes::find_expected(tx, (command.user, &command.from))?;
    if found.roles == command.to {
        return Ok(found);
    }
    let loses_admin = found.roles.has(Role::Admin) && !command.to.has(Role::Admin);
    if loses_admin && writes::is_last_admin(tx, found.id)? {
        return refuse(ChangeRolesRefusal::LastAdmin);
    }
    if !found.may_be_given(&command.to) {
        return refuse(ChangeRolesRefusal::Unproven);
    }
    Ok(writes::give_roles(tx, found, command.to.clone())?)
}
