//! Login: opens a session for an identifier and a password.
//!
//! Each login attempt computes one hash, for a user, a registration or an unknown identifier. A commit counts it before
//! the password is checked, so that parallel attempts cannot all pass the limit.

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

/// Signs a user in.
#[derive(Debug, Clone)]
pub struct Login {
    /// An e-mail address, a user name, or the id of a registration, as typed.
    pub identifier: String,
    pub password: Secret,
    /// The client's name for its device.
    pub device_name: Option<String>,
    /// The device token of an earlier login on this device.
    pub device_token: Option<Secret>,
}

/// The answer of a successful login.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    pub tokens: Tokens,
    /// Identifies the device in later logins.
    pub device_token: Secret,
    /// Whether the user had never signed in before.
    pub first_login: bool,
}

/// The reason why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Too many failed attempts; the password was not checked.
    LockedOut {
        /// The time until the next attempt is accepted.
        wait: Duration,
    },
    /// Wrong, unknown, not verified or locked; a client cannot distinguish these cases.
    InvalidCredentials,
    /// The password is right for a registration that is named by its id and whose address is not verified.
    EmailNotVerified,
}

impl From<AttemptsLockedOut> for LoginRefusal {
    fn from(AttemptsLockedOut { wait }: AttemptsLockedOut) -> Self {
        Self::LockedOut { wait }
    }
}

/// The record that an identifier names.
#[derive(Debug, Clone)]
pub(super) enum Candidate {
    User(Box<User>),
    /// A valid registration, which is not a user yet.
    Registrant {
        owner: UserId,
        password_hash: String,
        named_by: NamedBy,
    },
    Unknown,
}

/// The identifier by which a registration was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The address, of which it is the newest registration.
    Address,
    /// The id in the answer to the registration. A caller with the id and the password may learn the state, also of a
    /// registration of a taken address.
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
            None => match context.costs.of_unknown(&context, &self.identifier).await {
                Ok(cost) => place.verify_unknown(self.password.clone(), cost).await,
                Err(fault) => Err(fault),
            },
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

/// Whether only the missing proof of the address prevents the sign-in; the code is then sent again.
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

    /// Refuses an attempt whose failure is written. The refusal costs the commit that the code of an unverified address
    /// would cost, and waits in a mailbox like that of the address, so that the registration of a known address and a
    /// login with that password reveal nothing about the address.
    async fn settled<T>(self) -> Result<T, Failure<LoginRefusal>> {
        let Self { context, call, identifier, .. } = self;
        let stand_in = identifiers::stand_in(&context.keys.identifier, identifier);
        context.otp.pretend(call.context.clone(), stand_in, Pretended::Nothing).await?;
        Err(Failure::Refused(LoginRefusal::InvalidCredentials))
    }

    /// The password is right, and the address is not proven. The attempt is refused like any other, and the code is
    /// sent again.
    async fn remind_of_proof<T>(self, owner: UserId) -> Result<T, Failure<LoginRefusal>> {
        login_attempt::fail(self.context, self.call, self.attempt).await?;
        self.send_code(owner).await?;
        Err(Failure::Refused(LoginRefusal::InvalidCredentials))
    }

    /// The password is right for a registration that is named by its id. The answer states the reason, and the code is
    /// sent again if the address can be verified.
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

/// A hash of the password with the present settings. `None`: the hasher's queue is full; the next login tries again.
async fn renewed(context: &AuthContext, call: &Call, password: &Secret) -> Option<String> {
    let place = context.hasher.reserve(call.network(), Priority::Login).ok()?;
    place.hash(password.clone(), context.salt()).await.ok()
}

/// A user whose password was right.
struct Proven {
    user: User,
    /// The hash to store, which may be a renewed one.
    password_hash: Option<String>,
    attempt: LoginAttempt,
    device_name: Option<String>,
}

/// Finds the record of an identifier: by the id of a registration, an address or a user name, according to its form.
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

/// Opens the session. The transaction reads the user again and decides by the present state.
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

/// The settings for the transaction of a login.
struct LoginRules {
    session: config::SessionConfig,
    address: AddressRule,
    lockout: LockoutLimits,
}

/// The result of the transaction of a login.
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
