//! Login: from an identifier and a password to a session and its tokens.
//!
//! Every attempt costs one hash, whether the identifier is a user's, a registration's or nobody's. The attempt is
//! counted in a commit before the password is tried, so that a thousand at once cannot all pass the limit.

use std::sync::Arc;

use super::{Call, Door, attempt, logout, tokens::Tokens};
use crate::{
    actors::{hasher::Priority, otp::Order},
    config,
    crypto::password::PasswordCheck,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd, refresh::RefreshState},
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::User,
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

pub(super) async fn run(door: Arc<Door>, call: Call, command: Login) -> Result<Result<LoggedIn, LoginRefusal>, Fault> {
    let now = door.system.clock().now();
    let candidate = door.store.read(|view| resolve(view, &command.identifier, now))?;
    let place = door.hasher.reserve(call.network(), Priority::Login)?;
    let who = attempt::Who::of(&door, &call, &candidate, &command);
    if let Err(refusal) = attempt::reserve(&door, &call, &who).await? {
        return Ok(Err(refusal));
    }
    let checked = match candidate.password_hash() {
        Some(hash) => place.verify(hash.to_owned(), command.password.clone()).await,
        None => place.verify_nobody(command.password.clone()).await,
    };
    let right = match checked {
        Ok(PasswordCheck::Right | PasswordCheck::RightOutdated) => true,
        Ok(PasswordCheck::Wrong) => false,
        Err(fault) => {
            attempt::give_back(&door, &call, &who).await?;
            return Err(fault);
        }
    };
    match (right, candidate) {
        (true, Candidate::User(user)) => enter(&door, &call, &command, &who, *user).await,
        (true, Candidate::Registrant { owner, .. }) => {
            attempt::fail(&door, &call, &who).await?;
            door.otp.issue(call.context.clone(), owner, CodePurpose::VerifyEmail, Order::Asked).await?;
            Ok(Err(LoginRefusal::InvalidCredentials))
        }
        (true | false, Candidate::User(_) | Candidate::Registrant { .. } | Candidate::Nobody) => {
            attempt::fail(&door, &call, &who).await?;
            Ok(Err(LoginRefusal::InvalidCredentials))
        }
    }
}

/// Whom an identifier means: an address when it has an `@`, a user name otherwise. What is neither is nobody's.
fn resolve(reader: &impl Reader, identifier: &str, now: Timestamp) -> Result<Candidate, TxFault> {
    if !identifier.contains('@') {
        let Ok(name) = UserName::parse(identifier) else { return Ok(Candidate::Nobody) };
        let found = user::find_by_username(reader, &name)?;
        return Ok(found.map_or(Candidate::Nobody, |user| Candidate::User(Box::new(user))));
    }
    let Ok(address) = EmailAddress::parse(identifier) else { return Ok(Candidate::Nobody) };
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
    door: &Arc<Door>,
    call: &Call,
    command: &Login,
    who: &attempt::Who,
    seen: User,
) -> Result<Result<LoggedIn, LoginRefusal>, Fault> {
    let settings = door.settings.clone();
    let limits = attempt::limits_of(door);
    let (device_name, who) = (command.device_name.clone(), who.clone());
    let device = who.device();
    let entered = door
        .store
        .write(door.write(call), move |tx| {
            let found = user::find(tx, seen.id)?;
            let Some(user) = found.filter(|user| user.may_enter(tx.now()) && user.password_hash == seen.password_hash)
            else {
                attempt::settle_failure(tx, &who, &limits)?;
                return Ok(Verdict::Commit(None));
            };
            attempt::settle_success(tx, &who)?;
            let first_login = user.first_login_at.is_none();
            let opened = open_session(tx, &user, &settings.session, device_name.clone(), "pwd")?;
            if first_login {
                user::replace(tx, &User { first_login_at: Some(tx.now()), ..user.clone() })?;
            }
            tell(tx, &user, opened.id, first_login, !first_login && device.is_none())?;
            Ok(Verdict::Commit(Some((user, opened, first_login))))
        })
        .await?;
    let Some((user, session, first_login)) = entered else { return Ok(Err(LoginRefusal::InvalidCredentials)) };
    let tokens = door.tokens(&user, &session)?;
    let device_token = door.device_token(user.id, device);
    Ok(Ok(LoggedIn { tokens, device_token, first_login }))
}

/// Makes a session; the one unused for longest makes room when there are too many.
pub(super) fn open_session(
    tx: &mut Tx<'_>,
    owner: &User,
    settings: &config::Session,
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

fn tell(tx: &mut Tx<'_>, user: &User, session: SessionId, first_login: bool, new_device: bool) -> Result<(), TxFault> {
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
