//! Giving and taking roles.

use std::sync::Arc;

use super::{UserContext, change_status::is_last_admin};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        event::{Event, EventKind, Personal},
        user::User,
    },
    persistence::{Tx, TxFault, Verdict, Write, tables::user},
    types::{Call, ExpectedVersion, Fault, Role, Roles, id::UserId},
};

/// Whose roles become which.
#[derive(Debug, Clone)]
pub struct ChangeRoles {
    /// The user.
    pub user: UserId,
    /// All roles from now on.
    pub to: Roles,
    /// The versions of the user that the change may begin from.
    pub from: ExpectedVersion,
}

/// Why the roles stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRolesRefusal {
    /// There is no such user.
    NotFound,
    /// The user was changed in the meantime.
    Changed,
    /// Nobody would be left to run the house.
    LastAdmin,
    /// The user has not proven the address, and would hold a role that they do not hold yet.
    Unproven,
}

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: ChangeRoles,
) -> Result<Result<User, ChangeRolesRefusal>, Fault> {
    let write = Write::of(&call, context.system.stamp());
    context
        .store
        .old_write(write, move |tx| {
            let Some(found) = user::find(tx, command.user)? else {
                return Ok(Verdict::Discard(Err(ChangeRolesRefusal::NotFound)));
            };
            if !command.from.admits(found.version) {
                return Ok(Verdict::Discard(Err(ChangeRolesRefusal::Changed)));
            }
            if found.roles == command.to {
                return Ok(Verdict::Discard(Ok(found)));
            }
            let loses_admin = found.roles.has(Role::Admin) && !command.to.has(Role::Admin);
            if loses_admin && is_last_admin(tx, found.id)? {
                return Ok(Verdict::Discard(Err(ChangeRolesRefusal::LastAdmin)));
            }
            if !may_hold(&found, &command.to) {
                return Ok(Verdict::Discard(Err(ChangeRolesRefusal::Unproven)));
            }
            Ok(Verdict::Commit(Ok(apply(tx, found, command.to.clone())?)))
        })
        .await
}

/// Whether a user may hold these roles. Who has not proven the address may be anybody, and loses the account to whoever
/// proves it: they are given nothing.
pub(super) fn may_hold(user: &User, to: &Roles) -> bool {
    user.email_verified || to.iter().all(|role| user.roles.has(role))
}

/// Gives a user other roles, and tells.
pub(super) fn apply(tx: &mut Tx<'_>, found: User, to: Roles) -> Result<User, TxFault> {
    let from = found.roles.clone();
    let changed = User { roles: to, updated_at: tx.now(), version: found.version + 1, ..found };
    user::replace(tx, &changed)?;
    tell(tx, from, &changed)?;
    Ok(changed)
}

fn tell(tx: &mut Tx<'_>, from: Roles, changed: &User) -> Result<(), TxFault> {
    let names = |roles: &Roles| roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",");
    let detail = format!("from={} to={}", names(&from), names(&changed.roles));
    let kind = EventKind::UserRoleChanged { user: changed.id, from, to: changed.roles.clone() };
    let personal = Personal { email: Some(changed.email.as_str().to_owned()), ..Personal::of_call(tx.context()) };
    tx.emit(Event { subject: changed.id, kind, personal })?;
    tx.audit(AuditRecord {
        action: AuditAction::ChangeRoles,
        result: AuditResult::Done,
        subject: Some(changed.id),
        detail,
    })
}
