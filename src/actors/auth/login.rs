//! Login: from an identifier and a password to a session and its tokens.
//!
//! Every attempt costs one hash, whether the identifier is a user's, a registration's or unknown. The attempt is
//! counted in a commit before the password is tried, so that a thousand at once cannot all pass the limit.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext, identifiers,
    login_attempt::{self, AttemptsLockedOut, LoginAttempt},
    tokens::Tokens,
    writes::{CompletedLogin, open_session, record_login},
};
use crate::{
    actors::{
        hasher::Priority,
        otp::{CodeOrder, Pretended},
    },
    config,
    crypto::password::PasswordCheck,
    domain::{
        auth::{Registration, Session, lockout::LockoutLimits},
        otp::CodePurpose,
        user::{AddressRule, Status, User},
    },
    persistence::{
        Decision, Reader, Tx, TxFault, refuse_and_keep,
        tables::{registration, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Fault, Secret, Timestamp, UserName, id::UserId, limits},
};

/// An identifier and a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// An e-mail address, a user name, or the id of a registration, as typed.
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
        /// How long until the next attempt is taken.
        wait: Duration,
    },
    /// Wrong, unknown, not verified or locked: not to be told apart.
    InvalidCredentials,
    /// The password is that of a registration which is named by its id, and whose address is not verified.
    EmailNotVerified,
}

impl From<AttemptsLockedOut> for LoginRefusal {
    fn from(AttemptsLockedOut { wait }: AttemptsLockedOut) -> Self {
        Self::LockedOut { wait }
    }
}

/// What an identifier stands for.
#[derive(Debug, Clone)]
pub(super) enum Candidate {
    /// A user.
    User(Box<User>),
    /// A live registration: no user yet.
    Registrant { owner: UserId, password_hash: String, named_by: NamedBy },
    /// Neither.
    Unknown,
}

/// What a registration was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// Its address: it is the newest one.
    Address,
    /// The id that its registrant was answered. Nothing is to be hidden from a caller who has its password, not even of
    /// the registration of a taken address.
    Id,
}

impl Candidate {
    fn password_hash(&self) -> Option<&str> {
        match self {
            Self::User(user) => user.password_hash.as_deref(),
            Self::Registrant { password_hash, .. } => Some(password_hash),
            Self::Unknown => None,
        }
    }
}

impl Command<AuthContext> for Login {
    type Answer = LoggedIn;
    type Refusal = LoginRefusal;
    const KIND: &'static str = "login";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<LoggedIn, Failure<LoginRefusal>> {
        let now = context.system.clock().now();
        let identifier = self.identifier.clone();
        let candidate = context.store.read(move |view| resolve(view, &identifier, now)).await?;
        let place = context.hasher.reserve(call.network(), Priority::Login)?;
        let attempt = LoginAttempt::of(&context, &call, &candidate, &self);
        let reserved = login_attempt::reserve(&context, &call, attempt).await;
        let attempt = reserved.map_err(|failure| failure.map_refusal(LoginRefusal::from))?;
        let checked = match candidate.password_hash() {
            Some(hash) => place.verify(hash.to_owned(), self.password.clone()).await,
            None => {
                let cost = context.costs.of_unknown(&context, &self.identifier).await?;
                place.verify_nobody(self.password.clone(), cost).await
            }
        };
        let checked = match checked {
            Ok(checked) => checked,
            Err(fault) => {
                login_attempt::give_back(&context, &call, &attempt).await?;
                return Err(fault.into());
            }
        };
        let refusal = Refusing { context: &context, call: &call, attempt: &attempt, identifier: &self.identifier };
        if attempt.is_barred() {
            return refusal.wrong().await;
        }
        match (checked, candidate) {
            (PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::User(user))
                if waits_for_proof(&user, context.address_rule) =>
            {
                refusal.remind_of_proof(user.id).await
            }
            (PasswordCheck::Right, Candidate::User(user)) => {
                let password_hash = user.password_hash.clone();
                let device_name = self.device_name.clone();
                sign_in(refusal, Proven { user: *user, password_hash, attempt: attempt.clone(), device_name }).await
            }
            (PasswordCheck::RightOutdated, Candidate::User(user)) => {
                let renewed = renewed(&context, &call, &self.password).await;
                let password_hash = renewed.or_else(|| user.password_hash.clone());
                let device_name = self.device_name.clone();
                sign_in(refusal, Proven { user: *user, password_hash, attempt: attempt.clone(), device_name }).await
            }
            (PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::Registrant { owner, named_by, .. }) => {
                match named_by {
                    NamedBy::Address => refusal.remind_of_proof(owner).await,
                    NamedBy::Id => refusal.wait_for_proof(owner).await,
                }
            }
            (PasswordCheck::Wrong, Candidate::User(_) | Candidate::Registrant { .. })
            | (PasswordCheck::Wrong | PasswordCheck::Right | PasswordCheck::RightOutdated, Candidate::Unknown) => {
                refusal.wrong().await
            }
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

/// The ways in which an attempt is refused. Each costs the same commits.
#[derive(Clone, Copy)]
struct Refusing<'a> {
    context: &'a AuthContext,
    call: &'a Call,
    attempt: &'a LoginAttempt,
    identifier: &'a str,
}

impl Refusing<'_> {
    /// The password is wrong, or cannot be right.
    async fn wrong<T>(self) -> Result<T, Failure<LoginRefusal>> {
        login_attempt::fail(self.context, self.call, self.attempt).await?;
        self.settled().await
    }

    /// The attempt is settled as a failure. A refusal costs the commit that the code of an unverified address would
    /// have cost, and waits in a mailbox like that of the address: registering a known address and signing in with that
    /// password reveals nothing about it.
    async fn settled<T>(self) -> Result<T, Failure<LoginRefusal>> {
        let Self { context, call, identifier, .. } = self;
        let stand_in = identifiers::stand_in(&context.keys.identifier, identifier);
        context.otp.pretend(call.context.clone(), stand_in, Pretended::Nothing).await?;
        Err(Failure::Refused(LoginRefusal::InvalidCredentials))
    }

    /// The password is right and the address not proven: refused as any other attempt, and the code is sent again.
    async fn remind_of_proof<T>(self, owner: UserId) -> Result<T, Failure<LoginRefusal>> {
        login_attempt::fail(self.context, self.call, self.attempt).await?;
        self.send_code(owner).await?;
        Err(Failure::Refused(LoginRefusal::InvalidCredentials))
    }

    /// The password is that of the registration that was named by its id: its application gets the reason, and the code
    /// is sent again, if its address can be verified.
    async fn wait_for_proof<T>(self, owner: UserId) -> Result<T, Failure<LoginRefusal>> {
        login_attempt::succeed(self.context, self.call, self.attempt).await?;
        self.send_code(owner).await?;
        Err(Failure::Refused(LoginRefusal::EmailNotVerified))
    }

    async fn send_code(self, owner: UserId) -> Result<(), Fault> {
        let Self { context, call, .. } = self;
        context.otp.issue(call.context.clone(), owner, CodePurpose::VerifyEmail, CodeOrder::Asked).await?;
        Ok(())
    }
}

/// The hash of the password by the settings of today; `None` if there is no place for it now: then at the next login.
async fn renewed(context: &AuthContext, call: &Call, password: &Secret) -> Option<String> {
    let place = context.hasher.reserve(call.network(), Priority::Login).ok()?;
    place.hash(password.clone(), context.salt()).await.ok()
}

/// A user whose password was right.
struct Proven {
    user: User,
    /// The hash to keep of it.
    password_hash: Option<String>,
    attempt: LoginAttempt,
    device_name: Option<String>,
}

/// What an identifier stands for: the id of a registration or an address if it has the form of one, else a user name.
/// What is none of them is unknown.
fn resolve(reader: &impl Reader, identifier: &str, now: Timestamp) -> Result<Candidate, TxFault> {
    if let Ok(id) = identifier.parse::<UserId>() {
        let found = registration::find(reader, id)?.filter(|found| found.is_live(now));
        return Ok(registrant(found, NamedBy::Id));
    }
    let Ok(address) = EmailAddress::parse(identifier) else {
        let Ok(name) = UserName::parse(identifier) else { return Ok(Candidate::Unknown) };
        let found = user::find_by_username(reader, &name)?;
        return Ok(found.map_or(Candidate::Unknown, |user| Candidate::User(Box::new(user))));
    };
    if let Some(user) = user::find_by_email(reader, &address)? {
        return Ok(Candidate::User(Box::new(user)));
    }
    let newest = registration::of_email(reader, &address)?.into_iter().rfind(|found| found.is_live(now));
    Ok(registrant(newest, NamedBy::Address))
}

fn registrant(found: Option<Registration>, named_by: NamedBy) -> Candidate {
    found.map_or(Candidate::Unknown, |found| Candidate::Registrant {
        owner: found.id,
        password_hash: found.password_hash,
        named_by,
    })
}

/// The password was right: what is true of the user *now* decides, inside the commit that makes the session.
async fn sign_in(refusal: Refusing<'_>, proven: Proven) -> Result<LoggedIn, Failure<LoginRefusal>> {
    let Refusing { context, call, .. } = refusal;
    let device = proven.attempt.device();
    let rules = LoginRules {
        session: context.settings.session.clone(),
        address: context.address_rule,
        lockout: login_attempt::limits_of(context),
    };
    let committed = context.store.decide(context.write(call), move |tx| commit(tx, &proven, &rules)).await;
    let SignedInUser { user, session, first_login } = match committed {
        Ok(signed_in) => signed_in,
        Err(Failure::Refused(_changed_meanwhile)) => return refusal.settled().await,
        Err(Failure::Fault(fault)) => return Err(fault.into()),
    };
    let tokens = context.tokens(&user, &session)?;
    let device_token = context.device_token(user.id, device);
    Ok(LoggedIn { tokens, device_token, first_login })
}

/// The settings that the commit of a login decides by.
struct LoginRules {
    session: config::SessionConfig,
    address: AddressRule,
    lockout: LockoutLimits,
}

/// What the commit of a login made.
struct SignedInUser {
    user: User,
    session: Session,
    first_login: bool,
}

fn commit(tx: &mut Tx<'_>, proven: &Proven, rules: &LoginRules) -> Decision<SignedInUser, LoginRefusal> {
    let Proven { user: seen, password_hash, attempt, device_name } = proven;
    let found = user::find(tx, seen.id)?;
    let unchanged =
        found.filter(|user| user.may_enter(tx.now(), rules.address) && user.password_hash == seen.password_hash);
    let Some(user) = unchanged else {
        login_attempt::settle_failure(tx, attempt, &rules.lockout)?;
        return refuse_and_keep(LoginRefusal::InvalidCredentials);
    };
    login_attempt::settle_success(tx, attempt)?;
    let first_login = user.first_login_at.is_none();
    let session = open_session(tx, &user, &rules.session, device_name.clone())?;
    let first_login_at = Some(user.first_login_at.unwrap_or_else(|| tx.now()));
    let entering = User { first_login_at, password_hash: password_hash.clone(), ..user.clone() };
    if entering != user {
        user::replace(tx, &entering)?;
    }
    let new_device = !first_login && attempt.device().is_none();
    record_login(tx, &user, CompletedLogin { session: session.id, first: first_login, new_device })?;
    Ok(SignedInUser { user, session, first_login })
}
