//! Verification of an address: the right code turns its registration into a user, in one commit.

use std::sync::Arc;

use super::{Call, Door, register::drop_registration};
use crate::{
    actors::otp::Tried,
    crypto::code::Code,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{AddressState, Registration},
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::{Metadata, Status, User},
    },
    persistence::{
        Reader, Tx, TxFault,
        tables::{registration, user},
    },
    types::{EmailAddress, Fault, Role, Roles, Timestamp, id::UserId},
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

pub(super) async fn run(door: Arc<Door>, call: Call, command: VerifyEmail) -> Result<Result<User, CodeInvalid>, Fault> {
    // What cannot be a code is refused before anybody is looked up: it would cost nothing for those who have one.
    if Code::parse(&command.code).is_err() {
        return Ok(Err(CodeInvalid));
    }
    let now = door.system.clock().now();
    let owners = door.store.read(|view| owners(view, &command.registrant, now))?;
    for owner in &owners {
        let tried = door
            .otp
            .verify(call.context.clone(), *owner, CodePurpose::VerifyEmail, &command.code, Arc::new(activate(*owner)))
            .await?;
        match tried {
            Tried::Right | Tried::RightAgain => {
                let found = door.store.read(|view| user::find(view, *owner))?;
                return Ok(found.ok_or(CodeInvalid));
            }
            Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => {}
        }
    }
    if owners.is_empty() {
        door.otp.pretend(&call).await?;
    }
    Ok(Err(CodeInvalid))
}

/// The owners of codes a registrant may mean, newest first; a user keeps the id of the registration, and the code its
/// owner. Each costs a commit, so there are as many of them for a taken address as for a free one.
pub(super) fn owners(reader: &impl Reader, registrant: &Registrant, now: Timestamp) -> Result<Vec<UserId>, TxFault> {
    match registrant {
        Registrant::Id(id) => Ok(vec![*id]),
        Registrant::Address(address) => {
            let waiting = registration::of_email(reader, address)?.into_iter().rev();
            let mut owners: Vec<_> = waiting.filter(|found| found.is_live(now)).map(|found| found.id).collect();
            if owners.is_empty() {
                owners.extend(user::find_by_email(reader, address)?.map(|found| found.id));
            }
            Ok(owners)
        }
    }
}

/// What the right code does, in the commit that takes it. False: it can do nothing any more, so the code is refused.
fn activate(owner: UserId) -> impl Fn(&mut Tx<'_>) -> Result<bool, TxFault> + Send + Sync + 'static {
    move |tx| {
        let Some(registered) = registration::find(tx, owner)? else { return Ok(false) };
        let made = user_of(registered, tx.now());
        become_user(tx, made)
    }
}

/// Puts `made` in the place of the registration it comes from and of all others of the address. False: the registration
/// cannot become a user any more.
pub(super) fn become_user(tx: &mut Tx<'_>, made: User) -> Result<bool, TxFault> {
    let Some(registered) = registration::find(tx, made.id)? else { return Ok(false) };
    let may = registered.is_live(tx.now()) && registered.address == AddressState::Free;
    if !may || user::find_by_email(tx, &registered.email)?.is_some() {
        return Ok(false);
    }
    registration::remove(tx, registered.id)?;
    for other in registration::of_email(tx, &registered.email)? {
        drop_registration(tx, &other)?;
    }
    if user::insert(tx, &made)?.is_err() {
        return Ok(false);
    }
    tx.emit(Event {
        subject: made.id,
        kind: EventKind::UserVerified { user: made.id },
        personal: Personal {
            email: Some(made.email.as_str().to_owned()),
            username: made.username.as_ref().map(ToString::to_string),
            first_name: made.first_name.as_ref().map(ToString::to_string),
            last_name: made.last_name.as_ref().map(ToString::to_string),
            ..Personal::of_call(tx.context())
        },
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::VerifyEmail,
        result: AuditResult::Done,
        subject: Some(made.id),
        detail: String::new(),
    })?;
    Ok(true)
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
