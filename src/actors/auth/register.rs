//! Registration: from a form to a record that a code can turn into a user.
//!
//! Known and unknown addresses take the same way: one hash, one commit, one answer.

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
        event::{Event, EventOrigin, Personal},
        user::{AddressRule, Profile, Status, User},
    },
    persistence::{
        Decision, Tx, TxFault, refuse,
        tables::{invitation, registration, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Fault, FieldError, Invalid, Secret, Timestamp, UserName, id::UserId, limits},
};

/// What the form of a registration holds.
#[derive(Debug, Clone)]
pub struct Register {
    /// The address to be proven.
    pub email: EmailAddress,
    /// The password, not looked at yet.
    pub password: Secret,
    /// What the user to be says of themselves; the user name is reserved.
    pub profile: Profile,
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
    /// The first session, where users sign in before they have proven their address.
    pub entered: Option<LoggedIn>,
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// `auth.registration` is `closed`.
    Closed,
    /// Registration is by invitation, and no invitation was shown.
    InvitationRequired,
    /// The invitation is not one, is another address's, or has run out.
    InvitationInvalid,
    /// The fields that are refused, all of them.
    Fields(Vec<FieldError>),
    /// The user name is another user's, or reserved by a live registration.
    UsernameTaken,
    /// Too many registrations of the address wait for their codes; one more would cause another mail.
    TooMany {
        /// How long until the oldest of them ends.
        wait: Duration,
    },
    /// The address is a user's; said only with `auth.reveal_taken_addresses`.
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

/// What a transaction makes a registration of.
struct RegistrationDraft {
    form: Register,
    password_hash: String,
    /// The code of an invitation, where one was shown.
    shown: Option<InvitationCode>,
}

/// Gives the registration and, where users sign in before they have proven their address, the user and session it
/// became at once.
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
        return refuse(RegisterRefusal::InvitationInvalid);
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
            let entered = enter(tx, &made, &settings.session)?;
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

/// Makes the registration a user at once, who still has the address to prove, and signs them in. Refused if the name
/// is another user's.
fn enter(
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
        password_policy::PasswordContext { email: Some(&command.email), username: command.profile.username.as_ref() };
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

/// Whether a user or a live registration of another address holds the name. What waits for the same address does not
/// keep the name from it: one proof of the address ends all the others.
fn is_taken(tx: &Tx<'_>, name: &UserName, email: &EmailAddress) -> Result<bool, TxFault> {
    let (now, address) = (tx.now(), email.normal());
    if let Some(holder) = user::find_by_username(tx, name)? {
        // Of a user who proved the address the answer must not tell that the name is theirs.
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

/// Emits and audits the registration; of an address that is a user's already, its owner hears instead.
fn record(tx: &mut Tx<'_>, made: &Registration, holder: Option<&User>) -> Result<(), TxFault> {
    let (subject, kind) = match (made.address, holder) {
        (AddressState::Taken, Some(owner)) => (owner.id, UserRegistrationRepeated { user: owner.id }.into()),
        (AddressState::Free, _) | (AddressState::Taken, None) => {
            (made.id, UserRegistered { user: made.id, expires_at: made.expires_at }.into())
        }
    };
    // What was typed is no part of an event about the user who owns the address, but for the user name.
    let typed = Personal::of_profile(&made.profile);
    let names = match made.address {
        AddressState::Free => typed,
        AddressState::Taken => Personal { username: typed.username, ..Personal::default() },
    };
    let personal = Personal { email: Some(made.email.as_str().to_owned()), ..names };
    let entry = AuditRecord::done(AuthAction::Register, made.id);
    tx.record(EventOrigin::Call, Event { subject, kind, personal }, entry)?;
    Ok(())
}
