//! Shutting a user out, and letting them in again.

use std::sync::Arc;

use super::Household;
use crate::{
    actors::{auth::end_session, call::Call},
    domain::{
        access::may_stop_being_admin,
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::SessionEnd,
        event::{Event, EventKind, Personal},
        user::{Status, User},
    },
    persistence::{
        Tx, TxFault, Verdict,
        tables::{session, user},
    },
    types::{Fault, Role, id::UserId},
};

/// Whose status becomes what.
#[derive(Debug, Clone, Copy)]
pub struct ChangeStatus {
    /// The user.
    pub user: UserId,
    /// The new status; never `pending`.
    pub to: Status,
}

/// Why the status stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatusRefusal {
    /// There is no such user.
    NotFound,
    /// A user does not become pending again.
    NotFrom(Status),
    /// Nobody would be left to run the house.
    LastAdmin,
}

pub(super) async fn run(
    house: Arc<Household>,
    call: Call,
    command: ChangeStatus,
) -> Result<Result<User, ChangeStatusRefusal>, Fault> {
    let write = call.write(&house.system);
    house
        .store
        .write_reclaim(write, move |tx| {
            let Some(found) = user::find(tx, command.user)? else {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::NotFound)));
            };
            if found.status == command.to {
                return Ok(Verdict::Discard(Ok(found)));
            }
            if command.to == Status::Pending {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::NotFrom(found.status))));
            }
            if command.to != Status::Active && is_last_admin(tx, found.id)? {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::LastAdmin)));
            }
            let changed =
                User { status: command.to, updated_at: tx.now(), version: found.version + 1, ..found.clone() };
            user::replace(tx, &changed)?;
            if command.to != Status::Active {
                for held in session::of_user(tx, found.id)? {
                    end_session(tx, &held, SessionEnd::Administrator)?;
                }
            }
            tell(tx, found.status, &changed)?;
            Ok(Verdict::Commit(Ok(changed)))
        })
        .await
}

/// Whether `leaving` is the only administrator who may enter.
pub(super) fn is_last_admin(reader: &Tx<'_>, leaving: UserId) -> Result<bool, TxFault> {
    let now = reader.now();
    let entering: Vec<UserId> = user::holders(reader, Role::Admin)?
        .into_iter()
        .filter(|admin| admin.may_enter(now))
        .map(|admin| admin.id)
        .collect();
    Ok(may_stop_being_admin(leaving, &entering).is_err())
}

fn tell(tx: &mut Tx<'_>, from: Status, changed: &User) -> Result<(), TxFault> {
    let (user, to) = (changed.id, changed.status);
    let personal = Personal { email: Some(changed.email.as_str().to_owned()), ..Personal::of_call(tx.context()) };
    tx.emit(Event { subject: user, kind: EventKind::UserStatusChanged { user, from, to }, personal })?;
    tx.audit(AuditRecord {
        action: AuditAction::ChangeStatus,
        result: AuditResult::Done,
        subject: Some(user),
        detail: format!("from={} to={}", from.as_str(), to.as_str()),
    })
}
