//! Shutting a user out, and letting them in again.

use std::sync::Arc;

use super::UserContext;
use crate::{
    actors::auth::end_session,
    domain::{
        access::may_stop_being_admin,
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::SessionEnd,
        event::{Event, EventKind, Personal},
        user::{
            AddressRule, Status, User,
            transition::{self, AddressProof, StatusChange, StatusCommand},
        },
    },
    persistence::{
        Tx, TxFault, Verdict, Write,
        tables::{session, user},
    },
    types::{Call, ExpectedVersion, Fault, Role, id::UserId},
};

/// Whose status becomes what.
#[derive(Debug, Clone)]
pub struct ChangeStatus {
    /// The user.
    pub user: UserId,
    /// The status that is wanted.
    pub to: Status,
    /// The versions of the user that the change may begin from.
    pub from: ExpectedVersion,
}

/// Why the status stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatusRefusal {
    /// There is no such user.
    NotFound,
    /// The user was changed in the meantime.
    Changed,
    /// There is no way there from the status the user has.
    NotFrom(Status),
    /// Nobody would be left to run the house.
    LastAdmin,
}

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: ChangeStatus,
) -> Result<Result<User, ChangeStatusRefusal>, Fault> {
    let write = Write::of(&call, context.system.stamp());
    context
        .store
        .old_write(write.reclaim(), move |tx| {
            let Some(found) = user::find(tx, command.user)? else {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::NotFound)));
            };
            if !command.from.admits(found.version) {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::Changed)));
            }
            if found.status == command.to {
                return Ok(Verdict::Discard(Ok(found)));
            }
            let Some(way) = transition::command_for(found.status, command.to) else {
                return Ok(Verdict::Discard(Err(ChangeStatusRefusal::NotFrom(found.status))));
            };
            Ok(match apply(tx, &found, way)? {
                Ok(changed) if changed == found => Verdict::Discard(Err(ChangeStatusRefusal::NotFrom(found.status))),
                Ok(changed) => Verdict::Commit(Ok(changed)),
                Err(refusal) => Verdict::Discard(Err(refusal)),
            })
        })
        .await
}

/// Leads a user where `way` leads; nothing is written where it leads nowhere.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    found: &User,
    way: StatusCommand,
) -> Result<Result<User, ChangeStatusRefusal>, TxFault> {
    let proof = if found.email_verified { AddressProof::Verified } else { AddressProof::Unverified };
    let to = match transition::change(found.status, way, proof) {
        Err(no_way) => return Ok(Err(ChangeStatusRefusal::NotFrom(no_way.from))),
        Ok(StatusChange::Unchanged) => return Ok(Ok(found.clone())),
        Ok(StatusChange::Opened { to }) => to,
        Ok(StatusChange::Shut { to }) => {
            if is_last_admin(tx, found.id)? {
                return Ok(Err(ChangeStatusRefusal::LastAdmin));
            }
            end_all(tx, found.id, SessionEnd::Administrator)?;
            to
        }
    };
    let changed = User { status: to, updated_at: tx.now(), version: found.version + 1, ..found.clone() };
    user::replace(tx, &changed)?;
    tell(tx, found.status, &changed)?;
    Ok(Ok(changed))
}

/// Ends every session of a user; gives how many there were.
pub(super) fn end_all(tx: &mut Tx<'_>, user: UserId, reason: SessionEnd) -> Result<usize, TxFault> {
    let held = session::of_user(tx, user)?;
    for session in &held {
        end_session(tx, session, reason)?;
    }
    Ok(held.len())
}

/// Whether `leaving` is the only administrator who may enter.
pub(super) fn is_last_admin(reader: &Tx<'_>, leaving: UserId) -> Result<bool, TxFault> {
    let now = reader.now();
    let entering: Vec<UserId> = user::holders(reader, Role::Admin)?
        .into_iter()
        .filter(|admin| admin.may_enter(now, AddressRule::MustBeProven))
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
