//! Registration: stores a record that a code turns into a user.
//!
//! Known and unknown addresses cost the same: one hash, one commit, one answer.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext, LoggedIn, proof,
    writes::{CompletedLogin, open_session, record_login},
};
use crate::{
    actors::{hasher::Priority, user::writes::drop_invitation_of},
    config::{self, RegistrationPolicy},
    crypto::invitation_code::InvitationCode,
    domain::{
        audit::AuditRecord,
        auth::{
            AddressState, Registration, Session,
            actions::AuthAction,
            events::{UserRegistered, UserRegistrationRepeated},
            password_policy,
            registration_rules::{self, RegistrationAdmission},
        },
        event::{Event, Personal},
        user::{AddressRule, Profile, Status, User},
    },
    persistence::{
        Decision, Tx, TxFault, refuse,
        tables::{invitation, registration, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Fault, FieldError, Invalid, Secret, Timestamp, UserName, id::UserId, limits},
};

/// Registers an address.
#[derive(Debug, Clone)]
pub struct Register {
    /// The address, which a code will prove.
    pub email: EmailAddress,
    /// The password; the policy is not checked yet.
    pub password: Secret,
    /// The names and language of the later user; the user name is reserved.
    pub profile: Profile,
    /// The code of an invitation, as typed.
    pub invitation: Option<String>,
}

/// The answer to a registration.
#[derive(Debug, Clone)]
pub struct Registered {
    pub registration: Registration,
    /// The expiry of the first code.
    pub code_expires_at: Timestamp,
    /// The time from which another code can be requested.
    pub resend_at: Timestamp,
    /// The first session, if users can sign in before they have proven their address.
    pub entered: Option<LoggedIn>,
}

/// The reason why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// `auth.registration` is `closed`.
    Closed,
    /// Registration needs an invitation, and the request has none.
    InvitationRequired,
    /// All refused fields.
    Fields(Vec<FieldError>),
    /// Another user has the user name, or a valid registration reserves it.
    UsernameTaken,
    /// Too many registrations of the address wait for their codes; another one would send another mail.
    TooMany {
        /// The time until the oldest of them expires.
        wait: Duration,
    },
    /// A user has the address; answered only with `auth.reveal_taken_addresses`.
    EmailTaken,
}

impl Command<AuthContext> for Register {
    type Answer = Registered;
    type Refusal = RegisterRefusal;
    const KIND: &'static str = "register";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<Registered, Failure<RegisterRefusal>> {
        let shown = admit(&context, &self).map_err(Failure::Refused)?;
        let place = context.hasher.reserve(call.network(), Priority::Registration)?;
        let password_hash = place.hash(self.password.clone(), context.salt()).await?;
        let draft = RegistrationDraft { form: self, password_hash, shown };
        let (settings, rule) = (Arc::clone(&context.settings), context.address_rule);
        let write = context.write(&call).growth();
        let (registration, entered) =
            context.store.decide(write, move |tx| commit(tx, &draft, &settings, rule)).await?;
        let entered = entered.map(|entered| logged_in(&context, entered)).transpose()?;
        let code = &context.settings.code;
        Ok(Registered {
            code_expires_at: registration.created_at.plus(code.lifetime),
            resend_at: registration.created_at.plus(code.resend_after),
            registration,
            entered,
        })
    }
}

/// The checked input for the transaction of a registration.
struct RegistrationDraft {
    form: Register,
    password_hash: String,
    /// The code of the request's invitation, if any.
    shown: Option<InvitationCode>,
}

/// Returns the registration and, if users can sign in before they have proven their address, the user and session that
/// it became.
fn commit(
    tx: &mut Tx<'_>,
    draft: &RegistrationDraft,
    settings: &config::AuthConfig,
    rule: AddressRule,
) -> Decision<(Registration, Option<(User, Session)>), RegisterRefusal> {
    let (at, form) = (tx.now(), &draft.form);
    if let Some(shown) = &draft.shown
        && !admits(tx, shown, &form.email)?
    {
        return refuse(RegisterRefusal::Fields(vec![invitation_invalid()]));
    }
    let holder = user::find_by_email(tx, &form.email)?;
    let address = AddressState::held_by(holder.as_ref());
    if settings.reveal_taken_addresses && address == AddressState::Taken {
        return refuse(RegisterRefusal::EmailTaken);
    }
    if let Some(name) = &form.profile.username
        && is_taken(tx, name, &form.email)?
    {
        return refuse(RegisterRefusal::UsernameTaken);
    }
    let earlier = registration::of_email(tx, &form.email)?;
    if let RegistrationAdmission::Full { until } = registration_rules::admit(&earlier, at) {
        return refuse(RegisterRefusal::TooMany { wait: until.since(at) });
    }
    let made = registration_of(tx, draft, address, at.plus(settings.registration_lifetime));
    record(tx, &made, holder.as_ref())?;
    match (rule, holder) {
        (AddressRule::MayBeUnproven, None) => {
            let entered = sign_in_at_once(tx, &made, &settings.session)?;
            Ok((made, Some(entered)))
        }
        (AddressRule::MayBeUnproven, Some(_)) | (AddressRule::MustBeProven, _) => {
            registration::insert(tx, &made)?;
            Ok((made, None))
        }
    }
}

fn logged_in(context: &AuthContext, (user, session): (User, Session)) -> Result<LoggedIn, Fault> {
    let device_token = context.device_token(user.id, None);
    Ok(LoggedIn { tokens: context.tokens(&user, &session)?, device_token, first_login: true })
}

/// Turns the registration into a user with an unproven address, and signs the user in. Refused if another user has the
/// user name.
fn sign_in_at_once(
    tx: &mut Tx<'_>,
    made: &Registration,
    settings: &config::SessionConfig,
) -> Decision<(User, Session), RegisterRefusal> {
    let now = tx.now();
    let entering = User {
        email_verified: false,
        status: Status::Pending,
        first_login_at: Some(now),
        ..proof::user_of(made.clone(), now)
    };
    user::insert(tx, &entering).map_err(|stop| stop.map_refusal(|_| RegisterRefusal::UsernameTaken))?;
    drop_invitation_of(tx, &entering.email)?;
    let opened = open_session(tx, &entering, settings, None)?;
    record_login(tx, &entering, CompletedLogin { session: opened.id, first: true, new_device: false })?;
    Ok((entering, opened))
}

/// The checks before any hash or read; returns the code of the request's invitation. All refused fields are in one
/// refusal, but none whose check reads the store.
fn admit(context: &AuthContext, command: &Register) -> Result<Option<InvitationCode>, RegisterRefusal> {
    let shown = command.invitation.as_deref().map(InvitationCode::parse);
    let mut errors = Vec::new();
    match (context.settings.registration, &shown) {
        (RegistrationPolicy::Closed, _) => return Err(RegisterRefusal::Closed),
        (RegistrationPolicy::Invite, None) => return Err(RegisterRefusal::InvitationRequired),
        (RegistrationPolicy::Domains, None) => {
            let here = command.email.domain();
            if !context.settings.domains.iter().any(|domain| domain.eq_ignore_ascii_case(here)) {
                let why = Invalid::new("domain_not_allowed", "addresses of this domain may not register here");
                errors.push(why.at("/email"));
            }
        }
        (RegistrationPolicy::Open, _) | (RegistrationPolicy::Domains | RegistrationPolicy::Invite, Some(_)) => {}
    }
    let password_context =
        password_policy::PasswordContext { email: Some(&command.email), username: command.profile.username.as_ref() };
    let unfit = password_policy::check(command.password.reveal(), context.password_policy, password_context);
    errors.extend(unfit.into_iter().map(|why| why.at("/password")));
    let shown = shown.transpose().unwrap_or_else(|_| {
        errors.push(invitation_invalid());
        None
    });
    if errors.is_empty() { Ok(shown) } else { Err(RegisterRefusal::Fields(errors)) }
}

/// The invitation does not exist, is for another address, or has expired.
fn invitation_invalid() -> FieldError {
    Invalid::new("invitation_invalid", "is not a code that lets this address register").at("/invitation")
}

/// Whether the code belongs to a valid invitation of the address.
fn admits(tx: &Tx<'_>, shown: &InvitationCode, email: &EmailAddress) -> Result<bool, TxFault> {
    let invited = invitation::find_by_email(tx, email)?.filter(|found| found.is_live(tx.now()));
    Ok(invited.is_some_and(|found| InvitationCode::of(found.code).matches(shown)))
}

/// Whether a user or a valid registration of another address has the user name. Registrations of the same address do
/// not count: the proof of the address ends all of them.
fn is_taken(tx: &Tx<'_>, name: &UserName, email: &EmailAddress) -> Result<bool, TxFault> {
    let (now, address) = (tx.now(), email.normal());
    if let Some(holder) = user::find_by_username(tx, name)? {
        // The answer must not reveal that a user with this proven address has the name.
        return Ok(holder.email_verified || holder.email.normal() != address);
    }
    let reserved = registration::of_username(tx, name)?;
    Ok(reserved.iter().any(|other| other.is_live(now) && other.email.normal() != address))
}

fn registration_of(
    tx: &mut Tx<'_>,
    draft: &RegistrationDraft,
    address: AddressState,
    expires_at: Timestamp,
) -> Registration {
    let form = &draft.form;
    Registration {
        id: tx.id::<UserId>(),
        email: form.email.clone(),
        address,
        profile: form.profile.clone(),
        password_hash: draft.password_hash.clone(),
        created_at: tx.now(),
        expires_at,
    }
}

/// Emits and audits the registration. If a user has the address, the event is about that user.
fn record(tx: &mut Tx<'_>, made: &Registration, holder: Option<&User>) -> Result<(), TxFault> {
    let (subject, kind) = match (made.address, holder) {
        (AddressState::Taken, Some(owner)) => (owner.id, UserRegistrationRepeated { user: owner.id }.into()),
        (AddressState::Free, _) | (AddressState::Taken, None) => {
            (made.id, UserRegistered { user: made.id, expires_at: made.expires_at }.into())
        }
    };
    // An event about the user who owns the address contains none of the typed fields except the user name.
    let typed = Personal::of_profile(&made.profile);
    let names = match made.address {
        AddressState::Free => typed,
        AddressState::Taken => Personal { username: typed.username, ..Personal::default() },
    };
    let personal = Personal { email: Some(made.email.as_str().to_owned()), ..names };
    let entry = AuditRecord::done(AuthAction::Register, made.id);
    tx.record(Event { subject, kind, personal }, entry)?;
    Ok(())
}
