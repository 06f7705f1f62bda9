//! Login: from an identifier and a password to a session and its tokens.
//!
//! Every attempt costs one hash, whether the identifier is a user's, a registration's or nobody's. The attempt is
//! counted in a commit before the password is tried, so that a thousand at once cannot all pass the limit.

use std::sync::Arc;

use super::{AuthContext, Call, login_attempt, logout, tokens::Tokens};
use crate::{
    actors::{hasher::Priority, otp::CodeOrder},
    config,
    crypto::password::PasswordCheck,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd, refresh::RefreshState},
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::{AddressRule, Status, User},
    },
    persistence::{
        Reader, Tx, TxFault, Verdict,
        tables::{registration, session, user},
    },
    types::{
        EmailAddress, Fault, Secret, Timestamp, UserName,
        id::{SessionId, UserId},
    },
};

/// Who wants to enter, and with what.
#[derive(Debug, Clone)]
pub struct Login {
    /// An e-mail address or a user name, as typed.
    pub identifier: String,
    /// The password.
    pub password: Secret,
    /// What the client calls its device.
    pub device_name: Option<String>,
    /// The token an earlier login gave this device.
    pub device_token: Option<Secret>,
}

/// A user is signed in.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The session and its tokens.
    pub tokens: Tokens,
    /// Known to later logins from this device.
    pub device_token: Secret,
    /// Whether the user had never signed in before.
    pub first_login: bool,
}

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Too many failures; nothing was tried.
    LockedOut {
        /// When the next attempt is taken.
        until: Timestamp,
    },
    /// Wrong, unknown, not verified or shut out: not to be told apart.
    InvalidCredentials,
}

/// Whom the identifier means.
#[derive(Debug, Clone)]
pub(super) enum Candidate {
    /// A user.
    User(Box<User>),
    /// The newest live registration of an address: no user yet.
    Registrant { owner: UserId, password_hash: String },
    /// Nobody.
    Nobody,
}

impl Candidate {
    fn password_hash(&self) -> Option<&str> {
        match self {
            Self::User(user) => user.password_hash.as_deref(),
            Self::Registrant { password_hash, .. } => Some(password_hash),
            Self::Nobody => None,
        }
    }
}

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    command: Login,
) -> Result<Result<LoggedIn, LoginRefusal>, Fault> {
    let now = context.system.clock().now();
    let candidate = context.store.read(|view| resolve(view, &command.identifier, now))?;
    let place = context.hasher.reserve(call.network(), Priority::Login)?;
    let who = login_attempt::LoginAttempt::of(&context, &call, &candidate, &command);
    let who = match login_attempt::reserve(&context, &call, who).await? {
        Ok(who) => who,
        Err(login_attempt::LockedOutUntil(until)) => return Ok(Err(LoginRefusal::LockedOut { until })),
    };
    let checked = match candidate.password_hash() {
        Some(hash) => place.verify(hash.to_owned(), command.password.clone()).await,
        None => place.verify_nobody(command.password.clone()).await,
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(fault) => {
            login_attempt::give_back(&context, &call, &who).await?;
            return Err(fault);
        }
    };
    match (checked, candidate) {
        (PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::User(user))
            if waits_for_proof(&user, context.address_rule) =>
        {
            login_attempt::fail(&context, &call, &who).await?;
            context.otp.issue(call.context.clone(), user.id, CodePurpose::VerifyEmail, CodeOrder::Asked).await?;
            Ok(Err(LoginRefusal::InvalidCredentials))
        }
        (PasswordCheck::Right, Candidate::User(user)) => {
            let password_hash = user.password_hash.clone();
            enter(&context, &call, (&command, &who), Proven { user: *user, password_hash }).await
        }
        (PasswordCheck::RightOutdated, Candidate::User(user)) => {
            let password_hash =
                renewed(&context, &call, &command.password).await.or_else(|| user.password_hash.clone());
            enter(&context, &call, (&command, &who), Proven { user: *user, password_hash }).await
        }
        (PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::Registrant { owner, .. }) => {
            login_attempt::fail(&context, &call, &who).await?;
            context.otp.issue(call.context.clone(), owner, CodePurpose::VerifyEmail, CodeOrder::Asked).await?;
            Ok(Err(LoginRefusal::InvalidCredentials))
        }
        (PasswordCheck::Wrong, Candidate::User(_) | Candidate::Registrant { .. })
        | (PasswordCheck::Wrong | PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::Nobody) => {
            login_attempt::fail(&context, &call, &who).await?;
            refused(&context, &call).await
        }
    }
}

/// Whether only the proof of the address keeps the user out: they are sent the code again.
fn waits_for_proof(user: &User, rule: AddressRule) -> bool {
    match (user.status, rule) {
        (Status::Pending, AddressRule::MustBeProven) => !user.email_verified,
        (Status::Pending, AddressRule::MayBeUnproven) | (Status::Active | Status::Locked | Status::Disabled, _) => {
            false
        }
    }
}

/// A refusal costs the commit that the code of an unverified address would have cost: whoever registers a known address
/// and then signs in with that password learns nothing from it.
async fn refused<T>(context: &AuthContext, call: &Call) -> Result<Result<T, LoginRefusal>, Fault> {
    context.otp.pretend(call).await?;
    Ok(Err(LoginRefusal::InvalidCredentials))
}

/// The hash of the password by the settings of today; `None` if there is no place for it now: then at the next login.
async fn renewed(context: &AuthContext, call: &Call, password: &Secret) -> Option<String> {
    let place = context.hasher.reserve(call.network(), Priority::Login).ok()?;
    place.hash(password.clone(), context.salt()).await.ok()
}

/// A user whose password was right, and the hash to keep of it.
struct Proven {
    user: User,
    password_hash: Option<String>,
}

/// Whom an identifier means: an address if it has the form of one, else a user name. What is neither is nobody's.
fn resolve(reader: &impl Reader, identifier: &str, now: Timestamp) -> Result<Candidate, TxFault> {
    let Ok(address) = EmailAddress::parse(identifier) else {
        let Ok(name) = UserName::parse(identifier) else { return Ok(Candidate::Nobody) };
        let found = user::find_by_username(reader, &name)?;
        return Ok(found.map_or(Candidate::Nobody, |user| Candidate::User(Box::new(user))));
    };
    if let Some(user) = user::find_by_email(reader, &address)? {
        return Ok(Candidate::User(Box::new(user)));
    }
    let newest = registration::of_email(reader, &address)?.into_iter().rfind(|found| found.is_live(now));
    Ok(newest.map_or(Candidate::Nobody, |found| Candidate::Registrant {
        owner: found.id,
        password_hash: found.password_hash,
    }))
}

/// The password was right: what is true of the user *now* decides, inside the commit that makes the session.
async fn enter(
    context: &Arc<AuthContext>,
    call: &Call,
    (command, who): (&Login, &login_attempt::LoginAttempt),
    proven: Proven,
) -> Result<Result<LoggedIn, LoginRefusal>, Fault> {
    let (settings, rule) = (context.settings.clone(), context.address_rule);
    let limits = login_attempt::limits_of(context);
    let (device_name, who) = (command.device_name.clone(), who.clone());
    let device = who.device();
    let entered = context
        .store
        .old_write(context.write(call), move |tx| {
            let Proven { user: seen, password_hash } = &proven;
            let found = user::find(tx, seen.id)?;
            let Some(user) =
                found.filter(|user| user.may_enter(tx.now(), rule) && user.password_hash == seen.password_hash)
            else {
                login_attempt::settle_failure(tx, &who, &limits)?;
                return Ok(Verdict::Commit(None));
            };
            login_attempt::settle_success(tx, &who)?;
            let first_login = user.first_login_at.is_none();
            let opened = open_session(tx, &user, &settings.session, device_name.clone(), "pwd")?;
            let first_login_at = Some(user.first_login_at.unwrap_or_else(|| tx.now()));
            let entering = User { first_login_at, password_hash: password_hash.clone(), ..user.clone() };
            if entering != user {
                user::replace(tx, &entering)?;
            }
            let new_device = !first_login && device.is_none();
            tell(tx, &user, &CompletedLogin { session: opened.id, first: first_login, new_device })?;
            Ok(Verdict::Commit(Some((user, opened, first_login))))
        })
        .await?;
    let Some((user, session, first_login)) = entered else { return refused(context, call).await };
    let tokens = context.tokens(&user, &session)?;
    let device_token = context.device_token(user.id, device);
    Ok(Ok(LoggedIn { tokens, device_token, first_login }))
}

/// Makes a session; the one unused for longest makes room when there are too many.
pub(super) fn open_session(
    tx: &mut Tx<'_>,
    owner: &User,
    settings: &config::SessionConfig,
    device_name: Option<String>,
    method: &str,
) -> Result<Session, TxFault> {
    let mut others = session::of_user(tx, owner.id)?;
    others.sort_by_key(|other| other.last_used_at);
    let surplus = (others.len() + 1).saturating_sub(settings.most());
    for displaced in others.iter().take(surplus) {
        logout::end(tx, displaced, SessionEnd::Displaced)?;
    }
    let now = tx.now();
    let opened = Session {
        id: tx.id::<SessionId>(),
        user: owner.id,
        seed: tx.random(),
        refresh: RefreshState::begin(now),
        device_name,
        user_agent: tx.context().user_agent.clone(),
        ip_address: tx.context().client.map(|address| address.to_canonical().to_string()),
        auth_time: now,
        amr: vec![method.to_owned()],
        created_at: now,
        last_used_at: now,
        idle_until: now.plus(settings.sliding),
        ends_at: now.plus(settings.absolute),
    };
    session::insert(tx, &opened)?;
    Ok(opened)
}

/// What is told of an entry.
pub(super) struct CompletedLogin {
    /// The session it began.
    pub(super) session: SessionId,
    /// Whether the user had never entered before.
    pub(super) first: bool,
    /// Whether the device was not known.
    pub(super) new_device: bool,
}

/// Says that somebody entered.
pub(super) fn tell(tx: &mut Tx<'_>, user: &User, entry: &CompletedLogin) -> Result<(), TxFault> {
    let CompletedLogin { session, first: first_login, new_device } = *entry;
    tx.emit(Event {
        subject: user.id,
        kind: EventKind::UserLoggedIn { user: user.id, session, first_login, new_device },
        personal: Personal { email: Some(user.email.as_str().to_owned()), ..Personal::of_call(tx.context()) },
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::Login,
        result: AuditResult::Done,
        subject: Some(user.id),
        detail: format!("session={session}"),
    })
}
