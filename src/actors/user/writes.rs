//! Writes to users and invitations that several commands share. Each function writes the records with their event and
//! audit entry, so that no caller can omit one of them.

use crate::{
    domain::{
        access::may_stop_being_admin,
        audit::AuditRecord,
        event::{Event, Personal},
        user::{
            AddressRule, Invitation, Status, User,
            actions::UserAction,
            events::{UserRoleChanged, UserStatusChanged},
        },
    },
    persistence::{
        Decision, Tx, TxFault, persons, refuse,
        tables::{invitation, user},
    },
    types::{EmailAddress, ExpectedVersion, Role, Roles, id::UserId},
};

/// The reason why no version of a user can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserVersionRefusal {
    /// No user has this id.
    NotFound,
    /// The user has another version than the expected one.
    Changed,
}

/// The user to change, if the present version is an expected one.
pub(super) fn find_expected<R: From<UserVersionRefusal>>(
    tx: &Tx<'_>,
    (id, expected): (UserId, &ExpectedVersion),
) -> Decision<User, R> {
    match user::find(tx, id)? {
        None => refuse(UserVersionRefusal::NotFound.into()),
        Some(found) if !expected.admits(found.version) => refuse(UserVersionRefusal::Changed.into()),
        Some(found) => Ok(found),
    }
}

/// Writes `changed` as the next version of the user with its id and returns it. The address and the user name must be
/// unchanged.
pub(crate) fn replace_user(tx: &mut Tx<'_>, changed: User) -> Result<User, TxFault> {
    let changed = User { updated_at: tx.now(), version: changed.version + 1, ..changed };
    user::replace(tx, &changed)?;
    Ok(changed)
}

/// Replaces a user's roles.
pub(crate) fn give_roles(tx: &mut Tx<'_>, found: User, to: Roles) -> Result<User, TxFault> {
    let from = found.roles.clone();
    let changed = replace_user(tx, User { roles: to, ..found })?;
    let names = |roles: &Roles| roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",");
    let detail = format!("from={} to={}", names(&from), names(&changed.roles));
    let kind = UserRoleChanged { user: changed.id, from, to: changed.roles.clone() }.into();
    let event = Event { subject: changed.id, kind, personal: addressed(&changed.email) };
    tx.record(event, AuditRecord::done(UserAction::ChangeRoles, changed.id).detail(detail))?;
    Ok(changed)
}

/// Replaces a user's status. If the new status forbids sign-ins, the caller ends the sessions in the same transaction.
pub(crate) fn give_status(tx: &mut Tx<'_>, found: User, to: Status) -> Result<User, TxFault> {
    let from = found.status;
    let changed = replace_user(tx, User { status: to, ..found })?;
    let kind = UserStatusChanged { user: changed.id, from, to }.into();
    let event = Event { subject: changed.id, kind, personal: addressed(&changed.email) };
    let detail = format!("from={} to={}", from.as_str(), to.as_str());
    tx.record(event, AuditRecord::done(UserAction::ChangeStatus, changed.id).detail(detail))?;
    Ok(changed)
}

/// Whether `leaving` is the only administrator who may sign in.
pub(crate) fn is_last_admin(tx: &Tx<'_>, leaving: UserId) -> Result<bool, TxFault> {
    let now = tx.now();
    let entering: Vec<UserId> = user::holders(tx, Role::Admin)?
        .into_iter()
        .filter(|admin| admin.may_enter(now, AddressRule::MustBeProven))
        .map(|admin| admin.id)
        .collect();
    Ok(may_stop_being_admin(leaving, &entering).is_err())
}

/// Removes an invitation and erases the personal fields of the invited person. No event is written.
pub(crate) fn drop_invitation(tx: &mut Tx<'_>, removed: &Invitation) -> Result<(), TxFault> {
    invitation::remove(tx, removed.id)?;
    persons::erase(tx, removed.invited())
}

/// Removes the invitation of an address, if there is one, after the invited person has become a user.
pub(crate) fn drop_invitation_of(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<(), TxFault> {
    match invitation::find_by_email(tx, email)? {
        Some(served) => drop_invitation(tx, &served),
        None => Ok(()),
    }
}

/// The personal fields of an event about the user or invited person with an address.
pub(super) fn addressed(email: &EmailAddress) -> Personal {
    Personal { email: Some(email.as_str().to_owned()), ..Personal::default() }
}
