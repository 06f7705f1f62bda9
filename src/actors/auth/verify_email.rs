//! Verification of an address: the right code turns its registration into a user, in one commit.

use std::sync::Arc;

use super::{AuthContext, Call, drop_registrations_of, register::drop_registration, take_over};
use crate::{
    actors::{otp::Tried, user::drop_invitation_of},
    crypto::code::CodeDigits,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{AddressState, Registration},
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::{Metadata, Status, User, transition},
    },
    persistence::{
        Reader, Tx, TxFault,
        tables::{registration, user},
    },
    types::{EmailAddress, Fault, Role, Roles, Timestamp, id::UserId, limits},
};

/// Whose address: by the id that registration answered, or by the address itself.
#[derive(Debug, Clone)]
pub enum Registrant {
    /// The registration, or the user it became.
    Id(UserId),
    /// Every live registration of the address, and its user.
    Address(EmailAddress),
}

/// A code for an address.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    /// Whose.
    pub registrant: Registrant,
    /// What was typed.
    pub code: String,
}

/// The one way in which verification fails, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInvalid;

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    command: VerifyEmail,
) -> Result<Result<User, CodeInvalid>, Fault> {
    // What cannot be a code is refused before anybody is looked up: it would cost nothing for those who have one.
    if CodeDigits::parse(&command.code).is_err() {
        return Ok(Err(CodeInvalid));
    }
    let now = context.system.clock().now();
    let owners = context.store.read(|view| owners(view, &command.registrant, now))?;
    for owner in &owners {
        let tried = context
            .otp
            .verify(call.context.clone(), *owner, CodePurpose::VerifyEmail, &command.code, Arc::new(activate(*owner)))
            .await?;
        match tried {
            Tried::Right | Tried::RightAgain => {
                let found = context.store.read(|view| came_to_be(view, *owner))?;
                return Ok(found.ok_or(CodeInvalid));
            }
            Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => {}
        }
    }
    // As many commits for an address that is nobody's as for one that has all the owners there can be.
    if let Registrant::Address(_) = command.registrant {
        for _ in owners.len()..=limits::REGISTRATIONS_PER_ADDRESS {
            context.otp.pretend(&call).await?;
        }
    }
    Ok(Err(CodeInvalid))
}

/// The user a registration became: of the same id, or who held its address without having proven it.
fn came_to_be(reader: &impl Reader, owner: UserId) -> Result<Option<User>, TxFault> {
    if let Some(user) = user::find(reader, owner)? {
        return Ok(Some(user));
    }
    let Some(registered) = registration::find(reader, owner)? else { return Ok(None) };
    Ok(user::find_by_email(reader, &registered.email)?.filter(|user| user.email_verified))
}

/// The owners of codes a registrant may mean: registrations, newest first, then the user; who keeps the id of the
/// registration, and the code its owner.
pub(super) fn owners(reader: &impl Reader, registrant: &Registrant, now: Timestamp) -> Result<Vec<UserId>, TxFault> {
    match registrant {
        Registrant::Id(id) => Ok(vec![*id]),
        Registrant::Address(address) => {
            let waiting = registration::of_email(reader, address)?.into_iter().rev();
            let mut owners: Vec<_> = waiting.filter(|found| found.is_live(now)).map(|found| found.id).collect();
            owners.extend(user::find_by_email(reader, address)?.map(|found| found.id));
            Ok(owners)
        }
    }
}

/// What the right code does, in the commit that takes it. False: it can do nothing any more, so the code is refused.
pub(super) fn activate(owner: UserId) -> impl Fn(&mut Tx<'_>) -> Result<bool, TxFault> + Send + Sync + 'static {
    move |tx| {
        if let Some(registered) = registration::find(tx, owner)? {
            let made = user_of(registered, tx.now());
            return become_user(tx, made);
        }
        let Some(waiting) = user::find(tx, owner)?.filter(|user| !user.email_verified) else { return Ok(false) };
        let proven = transition::with_proven_address(waiting, tx.now());
        user::replace(tx, &proven)?;
        settle_proof(tx, &proven)?;
        Ok(true)
    }
}

/// Ends whatever else waits for an address that its user has proven, and tells.
pub(super) fn settle_proof(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    drop_registrations_of(tx, &proven.email)?;
    drop_invitation_of(tx, &proven.email)?;
    tell(tx, proven)
}

/// Puts `made` in the place of the registration it comes from and of all others of the address. False: the registration
/// cannot become a user any more.
pub(super) fn become_user(tx: &mut Tx<'_>, made: User) -> Result<bool, TxFault> {
    let Some(registered) = registration::find(tx, made.id)? else { return Ok(false) };
    if !registered.is_live(tx.now()) || registered.address != AddressState::Free {
        return Ok(false);
    }
    let holder = user::find_by_email(tx, &registered.email)?;
    if holder.as_ref().is_none_or(|holder| !holder.email_verified) {
        drop_invitation_of(tx, &registered.email)?;
    }
    match holder {
        Some(holder) if holder.email_verified => return Ok(false),
        Some(holder) => return take_over::run(tx, registered, holder, made),
        None => {}
    }
    registration::remove(tx, registered.id)?;
    for other in registration::of_email(tx, &registered.email)? {
        drop_registration(tx, &other)?;
    }
    if user::insert(tx, &made)?.is_err() {
        return Ok(false);
    }
    tell(tx, &made)?;
    Ok(true)
}

/// Says that a user's address is proven.
pub(super) fn tell(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    tx.emit(Event {
        subject: proven.id,
        kind: EventKind::UserVerified { user: proven.id },
        personal: Personal {
            email: Some(proven.email.as_str().to_owned()),
            username: proven.username.as_ref().map(ToString::to_string),
            first_name: proven.first_name.as_ref().map(ToString::to_string),
            last_name: proven.last_name.as_ref().map(ToString::to_string),
            ..Personal::of_call(tx.context())
        },
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::VerifyEmail,
        result: AuditResult::Done,
        subject: Some(proven.id),
        detail: String::new(),
    })
}

/// The user a registration becomes.
pub(super) fn user_of(registered: Registration, now: Timestamp) -> User {
    User {
        id: registered.id,
        email: registered.email,
        email_verified: true,
        username: registered.username,
        first_name: registered.first_name,
        last_name: registered.last_name,
        phone: registered.phone,
        phone_verified: false,
        locale: registered.locale,
        roles: Roles::from(vec![Role::User]),
        status: Status::Active,
        metadata: Metadata::default(),
        app_metadata: Metadata::default(),
        expires_at: None,
        password_hash: Some(registered.password_hash),
        password_changed_at: Some(registered.created_at),
        first_login_at: None,
        created_at: registered.created_at,
        updated_at: now,
        version: 1,
    }
}
