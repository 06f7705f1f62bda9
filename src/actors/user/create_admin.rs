//! The first administrator, and others made from the command line: a user who need not prove the address.

use std::sync::Arc;

use super::{UserContext, change_status::end_all, drop_invitation_of};
use crate::{
    actors::{auth::drop_registrations_of, hasher::Priority},
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{SessionEnd, lockout::Subject, password_policy},
        event::{Event, EventKind, Personal},
        user::{Metadata, Status, User},
    },
    persistence::{
        Tx, TxFault, Verdict, Write,
        tables::{code, failure, user},
    },
    types::{Call, EmailAddress, Fault, Invalid, Role, Roles, Secret, id::UserId},
};

/// Who is to run the house.
#[derive(Debug, Clone)]
pub struct CreateAdmin {
    /// The address, taken as proven.
    pub email: EmailAddress,
    /// The password.
    pub password: Secret,
}

/// Why no administrator is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAdminRefusal {
    /// The password is not taken, for these reasons.
    Password(Vec<Invalid>),
    /// The address is a user's already: grant the role instead.
    EmailTaken,
}

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: CreateAdmin,
) -> Result<Result<User, CreateAdminRefusal>, Fault> {
    let password_context = password_policy::PasswordContext { email: Some(&command.email), username: None };
    let unfit = password_policy::check(command.password.reveal(), context.password_policy, password_context);
    if !unfit.is_empty() {
        return Ok(Err(CreateAdminRefusal::Password(unfit)));
    }
    let place = context.hasher.reserve(call.network(), Priority::Login)?;
    let hash = place.hash(command.password.clone(), context.salt()).await?;
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()), move |tx| {
            let fresh = admin(tx, command.email.clone(), hash.clone());
            let made = match user::find_by_email(tx, &command.email)? {
                Some(owner) if owner.email_verified => {
                    return Ok(Verdict::Discard(Err(CreateAdminRefusal::EmailTaken)));
                }
                Some(holder) => in_place_of(tx, holder, fresh)?,
                None => fresh,
            };
            drop_registrations_of(tx, &command.email)?;
            drop_invitation_of(tx, &command.email)?;
            if user::update(tx, &made)?.is_err() {
                return Ok(Verdict::Discard(Err(CreateAdminRefusal::EmailTaken)));
            }
            tell(tx, &made)?;
            Ok(Verdict::Commit(Ok(made)))
        })
        .await
}

/// The administrator in the place of somebody who never proved the address, and loses whatever they could enter with.
fn in_place_of(tx: &mut Tx<'_>, holder: User, fresh: User) -> Result<User, TxFault> {
    end_all(tx, holder.id, SessionEnd::Administrator)?;
    code::remove_all(tx, holder.id)?;
    failure::clear(tx, Subject::User(holder.id))?;
    Ok(User { id: holder.id, created_at: holder.created_at, version: holder.version + 1, ..fresh })
}

fn admin(tx: &mut Tx<'_>, email: EmailAddress, password_hash: String) -> User {
    let now = tx.now();
    User {
        id: tx.id::<UserId>(),
        email,
        email_verified: true,
        username: None,
        first_name: None,
        last_name: None,
        phone: None,
        phone_verified: false,
        locale: None,
        roles: Roles::from(vec![Role::User, Role::Admin]),
        status: Status::Active,
        metadata: Metadata::default(),
        app_metadata: Metadata::default(),
        expires_at: None,
        password_hash: Some(password_hash),
        password_changed_at: Some(now),
        first_login_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

fn tell(tx: &mut Tx<'_>, made: &User) -> Result<(), TxFault> {
    tx.emit(Event {
        subject: made.id,
        kind: EventKind::UserRoleChanged { user: made.id, from: Roles::default(), to: made.roles.clone() },
        personal: Personal { email: Some(made.email.as_str().to_owned()), ..Personal::of_call(tx.context()) },
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::CreateAdmin,
        result: AuditResult::Done,
        subject: Some(made.id),
        detail: String::new(),
    })
}
