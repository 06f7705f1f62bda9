//! Creates an administrator from the command line, whose address counts as proven.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    actors::{
        auth::writes::{end_all_sessions, forget_failures, retire_registrations_of},
        hasher::Priority,
        otp::writes::remove_codes_of,
    },
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, password_policy},
        event::Event,
        user::{Metadata, Profile, Status, User, actions::UserAction, events::UserRoleChanged},
    },
    persistence::{Decision, Tx, TxFault, refuse, tables::user},
    supervision::Command,
    types::{Call, EmailAddress, Failure, Invalid, Role, Roles, Secret, id::UserId, limits},
};

/// Creates an administrator. Answers the user, who can sign in at once.
#[derive(Debug, Clone)]
pub struct CreateAdmin {
    /// The address; it counts as proven.
    pub email: EmailAddress,
    pub password: Secret,
}

/// The reason why no administrator is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAdminRefusal {
    /// The policy refuses the password, for these reasons.
    Password(Vec<Invalid>),
    /// A user has proven the address; the role can be granted to that user.
    EmailTaken,
}

impl Command<UserContext> for CreateAdmin {
    type Answer = User;
    type Refusal = CreateAdminRefusal;
    const KIND: &'static str = "create_admin";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<CreateAdminRefusal>> {
        let Self { email, password } = self;
        let password_context = password_policy::PasswordContext { email: Some(&email), username: None };
        let unfit = password_policy::check(password.reveal(), context.password_policy, password_context);
        if !unfit.is_empty() {
            return Err(Failure::Refused(CreateAdminRefusal::Password(unfit)));
        }
        let place = context.hasher.reserve(call.network(), Priority::Login)?;
        let hash = place.hash(password, context.salt()).await?;
        context
            .store
            .decide(context.write(&call), {
                let key = context.identifiers.clone();
                move |tx| commit(tx, &email, &hash, &key)
            })
            .await
    }
}

fn commit(
    tx: &mut Tx<'_>,
    email: &EmailAddress,
    hash: &str,
    key: &IdentifierKey,
) -> Decision<User, CreateAdminRefusal> {
    let fresh = admin(tx, email.clone(), hash.to_owned());
    let made = match user::find_by_email(tx, email)? {
        Some(owner) if owner.email_verified => return refuse(CreateAdminRefusal::EmailTaken),
        Some(holder) => in_place_of(tx, holder, fresh, key)?,
        None => fresh,
    };
    retire_registrations_of(tx, email)?;
    writes::drop_invitation_of(tx, email)?;
    user::update(tx, &made).map_err(|stop| stop.map_refusal(|_| CreateAdminRefusal::EmailTaken))?;
    let kind = UserRoleChanged { user: made.id, from: Roles::default(), to: made.roles.clone() }.into();
    let event = Event { subject: made.id, kind, personal: writes::addressed(email) };
    tx.record(event, AuditRecord::done(UserAction::CreateAdmin, made.id))?;
    Ok(made)
}

/// The administrator in place of a user who has not proven the address. All sessions and codes of that user end.
fn in_place_of(tx: &mut Tx<'_>, holder: User, fresh: User, key: &IdentifierKey) -> Result<User, TxFault> {
    end_all_sessions(tx, holder.id, SessionEnd::Administrator)?;
    remove_codes_of(tx, holder.id)?;
    forget_failures(tx, &holder, key)?;
    Ok(User { id: holder.id, created_at: holder.created_at, version: holder.version + 1, ..fresh })
}

fn admin(tx: &mut Tx<'_>, email: EmailAddress, password_hash: String) -> User {
    let now = tx.now();
    User {
        id: tx.id::<UserId>(),
        email,
        email_verified: true,
        profile: Profile::default(),
        phone_verified: false,
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
