//! Registration: from a form to a record that a code can turn into a user.
//!
//! Known and unknown addresses take the same way: one hash, one commit, one answer.

use std::sync::Arc;

use super::{AuthContext, Call, LoggedIn, login, verify_email};
use crate::{
    actors::{hasher::Priority, user::drop_invitation_of},
    config::{self, RegistrationPolicy},
    crypto::invitation_code::InvitationCode,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{
            AddressState, Registration, Session, password_policy,
            registration_rules::{self, RegistrationAdmission},
        },
        event::{Event, EventKind, Personal},
        user::{AddressRule, Status, User},
    },
    persistence::{
        Tx, TxFault, Verdict, persons,
        tables::{code, invitation, registration, user},
    },
    types::{
        EmailAddress, Fault, FieldError, Invalid, Locale, PersonName, PhoneNumber, Secret, Timestamp, UserName,
        id::UserId,
    },
};

/// What somebody registers with.
#[derive(Debug, Clone)]
pub struct Register {
    /// The address to be proven.
    pub email: EmailAddress,
    /// The password, not looked at yet.
    pub password: Secret,
    /// A user name to be reserved.
    pub username: Option<UserName>,
    /// Given name.
    pub first_name: Option<PersonName>,
    /// Family name.
    pub last_name: Option<PersonName>,
    /// Phone number.
    pub phone: Option<PhoneNumber>,
    /// The language of mail.
    pub locale: Option<Locale>,
    /// What was typed as the code of an invitation.
    pub invitation: Option<String>,
}

/// A registration was made; a code is on its way.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The record, without its password's hash being of use to anyone.
    pub registration: Registration,
    /// When the first code runs out.
    pub code_expires_at: Timestamp,
    /// From when on a code may be asked for again.
    pub resend_at: Timestamp,
    /// The first session, where users enter before they have proven their address.
    pub entered: Option<LoggedIn>,
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// `auth.registration` is `closed`.
    Closed,
    /// Only who is invited may register, and no invitation was shown.
    InvitationRequired,
    /// The invitation is not one, is another address's, or has run out.
    InvitationInvalid,
    /// The fields that are refused, all of them.
    Fields(Vec<FieldError>),
    /// The user name is somebody's, or reserved by a live registration.
    UsernameTaken,
    /// So many registrations of the address wait for their codes that no further mail may be caused.
    TooMany {
        /// When the oldest of them ends.
        until: Timestamp,
    },
    /// The address is a user's; said only with `auth.reveal_taken_addresses`.
    EmailTaken,
}

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    command: Register,
) -> Result<Result<Registered, RegisterRefusal>, Fault> {
    let shown = match admit(&context, &command) {
        Ok(shown) => shown,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    let password_hash = place.hash(command.password.clone(), context.salt()).await?;
    let (settings, rule) = (context.settings.clone(), context.address_rule);
    let made = context
        .store
        .old_write(context.write(&call).growth(), move |tx| {
            let at = tx.now();
            if let Some(shown) = &shown
                && !admits(tx, shown, &command.email)?
            {
                return Ok(Verdict::Discard(Err(RegisterRefusal::InvitationInvalid)));
            }
            let holder = user::find_by_email(tx, &command.email)?;
            let address = AddressState::held_by(holder.as_ref());
            if settings.reveal_taken_addresses && address == AddressState::Taken {
                return Ok(Verdict::Discard(Err(RegisterRefusal::EmailTaken)));
            }
            if let Some(name) = &command.username
                && is_taken(tx, name, at)?
            {
                return Ok(Verdict::Discard(Err(RegisterRefusal::UsernameTaken)));
            }
            let earlier = registration::of_email(tx, &command.email)?;
            if let RegistrationAdmission::Full { until } = registration_rules::admit(&earlier, at) {
                return Ok(Verdict::Discard(Err(RegisterRefusal::TooMany { until })));
            }
            let expires_at = at.plus(settings.registration_lifetime);
            let made = draft(tx, &command, &password_hash, (address, expires_at));
            tell(tx, &made, holder.as_ref())?;
            let entered = match (rule, holder) {
                (AddressRule::MayBeUnproven, None) => match enter(tx, &made, &settings.session)? {
                    Some(entered) => Some(entered),
                    None => return Ok(Verdict::Discard(Err(RegisterRefusal::UsernameTaken))),
                },
                (AddressRule::MayBeUnproven, Some(_)) | (AddressRule::MustBeProven, _) => {
                    registration::insert(tx, &made)?;
                    None
                }
            };
            Ok(Verdict::Commit(Ok((made, entered))))
        })
        .await?;
    let (registration, entered) = match made {
        Ok(made) => made,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let entered = entered.map(|entered| logged_in(&context, entered)).transpose()?;
    let code = &context.settings.code;
    Ok(Ok(Registered {
        code_expires_at: registration.created_at.plus(code.lifetime),
        resend_at: registration.created_at.plus(code.resend_after),
        registration,
        entered,
    }))
}

fn logged_in(context: &AuthContext, (user, session): (User, Session)) -> Result<LoggedIn, Fault> {
    let device_token = context.device_token(user.id, None);
    Ok(LoggedIn { tokens: context.tokens(&user, &session)?, device_token, first_login: true })
}

/// Makes the registration a user at once, who still has the address to prove, and lets them in. `None`: the name is
/// somebody's.
fn enter(
    tx: &mut Tx<'_>,
    made: &Registration,
    settings: &config::SessionConfig,
) -> Result<Option<(User, Session)>, TxFault> {
    let now = tx.now();
    let entering = User {
        email_verified: false,
        status: Status::Pending,
        first_login_at: Some(now),
        ..verify_email::user_of(made.clone(), now)
    };
    if user::insert(tx, &entering)?.is_err() {
        return Ok(None);
    }
    drop_invitation_of(tx, &entering.email)?;
    let opened = login::open_session(tx, &entering, settings, None, "pwd")?;
    login::tell(tx, &entering, &login::CompletedLogin { session: opened.id, first: true, new_device: false })?;
    Ok(Some((entering, opened)))
}

/// What can be said before anything is hashed or read; gives the invitation that is shown.
fn admit(context: &AuthContext, command: &Register) -> Result<Option<InvitationCode>, RegisterRefusal> {
    let shown = match command.invitation.as_deref().map(InvitationCode::parse) {
        Some(Ok(shown)) => Some(shown),
        Some(Err(_)) => return Err(RegisterRefusal::InvitationInvalid),
        None => None,
    };
    match (context.settings.registration, &shown) {
        (RegistrationPolicy::Closed, _) => return Err(RegisterRefusal::Closed),
        (RegistrationPolicy::Invite, None) => return Err(RegisterRefusal::InvitationRequired),
        (RegistrationPolicy::Domains, None) => {
            let here = command.email.domain();
            if !context.settings.domains.iter().any(|domain| domain.eq_ignore_ascii_case(here)) {
                return Err(RegisterRefusal::Fields(vec![
                    Invalid::new("domain_not_allowed", "addresses of this domain may not register here").at("/email"),
                ]));
            }
        }
        (RegistrationPolicy::Open, _) | (RegistrationPolicy::Domains | RegistrationPolicy::Invite, Some(_)) => {}
    }
    let password_context =
        password_policy::PasswordContext { email: Some(&command.email), username: command.username.as_ref() };
    let unfit = password_policy::check(command.password.reveal(), context.password_policy, password_context);
    if unfit.is_empty() {
        Ok(shown)
    } else {
        Err(RegisterRefusal::Fields(unfit.into_iter().map(|why| why.at("/password")).collect()))
    }
}

/// Whether the code is that of a live invitation of the address.
fn admits(tx: &Tx<'_>, shown: &InvitationCode, email: &EmailAddress) -> Result<bool, TxFault> {
    let invited = invitation::find_by_email(tx, email)?.filter(|found| found.is_live(tx.now()));
    Ok(invited.is_some_and(|found| InvitationCode::of(found.code).matches(shown)))
}

/// Whether a user or a live registration holds the name.
fn is_taken(tx: &Tx<'_>, name: &UserName, now: Timestamp) -> Result<bool, TxFault> {
    if user::find_by_username(tx, name)?.is_some() {
        return Ok(true);
    }
    Ok(registration::of_username(tx, name)?.iter().any(|other| other.is_live(now)))
}

fn draft(
    tx: &mut Tx<'_>,
    command: &Register,
    hash: &str,
    (address, expires_at): (AddressState, Timestamp),
) -> Registration {
    Registration {
        id: tx.id::<UserId>(),
        email: command.email.clone(),
        address,
        username: command.username.clone(),
        first_name: command.first_name.clone(),
        last_name: command.last_name.clone(),
        phone: command.phone.clone(),
        locale: command.locale.clone(),
        password_hash: hash.to_owned(),
        created_at: tx.now(),
        expires_at,
    }
}

/// Removes all registrations of an address.
pub(crate) fn drop_of_address(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<(), TxFault> {
    for gone in registration::of_email(tx, email)? {
        drop_registration(tx, &gone)?;
    }
    Ok(())
}

/// Removes a registration with its codes and its person's key.
pub(crate) fn drop_registration(tx: &mut Tx<'_>, gone: &Registration) -> Result<(), TxFault> {
    registration::remove(tx, gone.id)?;
    code::remove_all(tx, gone.id)?;
    persons::erase(tx, gone.id)
}

fn tell(tx: &mut Tx<'_>, made: &Registration, holder: Option<&User>) -> Result<(), TxFault> {
    // What a stranger typed is no part of an event about the address's owner.
    let typed = |name: &Option<PersonName>| {
        let name = name.as_ref().filter(|_| made.address == AddressState::Free);
        name.map(|name| name.as_str().to_owned())
    };
    let personal = Personal {
        email: Some(made.email.as_str().to_owned()),
        first_name: typed(&made.first_name),
        last_name: typed(&made.last_name),
        username: made.username.as_ref().map(ToString::to_string),
        ..Personal::of_call(tx.context())
    };
    let (subject, kind) = match (made.address, holder) {
        (AddressState::Taken, Some(owner)) => (owner.id, EventKind::UserRegistrationRepeated { user: owner.id }),
        (AddressState::Free, _) | (AddressState::Taken, None) => {
            (made.id, EventKind::UserRegistered { user: made.id, expires_at: made.expires_at })
        }
    };
    tx.emit(Event { subject, kind, personal })?;
    tx.audit(AuditRecord {
        action: AuditAction::Register,
        result: AuditResult::Done,
        subject: Some(made.id),
        detail: String::new(),
    })
}
