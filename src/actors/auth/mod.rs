//! Registration, verification, login, sessions, tokens.
//!
//! **Owns** the flows of sign-in and the tables of registrations, sessions, signing keys and failed logins.
//! **Wakes on** commands of its handle and the timer of its signing keys.
//! **Promises** that no flow holds up another: each command is a job, decided in one transaction.
//! **Loses on crash** nothing: what it holds is a cache of the store.
//!
//! Must not know: HTTP, how codes are delivered. Begin with `login.rs`, a flow from command to commit.

mod authenticate;
mod change_password;
mod context;
mod forgot_password;
mod keys;
mod login;
mod login_attempt;
mod logout;
mod own_code;
mod refresh;
mod register;
mod resend;
mod reset_password;
mod sessions;
mod take_over;
mod tokens;
mod verify_email;

use std::{future::Future, sync::Arc, time::Duration};

pub use authenticate::{AuthenticateRefusal, Authenticated};
pub use change_password::{ChangePassword, ChangeRefusal};
pub use context::{AuthContext, AuthKeys};
pub use forgot_password::ResetRequested;
pub use keys::{KeyState, prepare as prepare_keys, rotate_in as rotate_keys};
pub use login::{LoggedIn, Login, LoginRefusal};
pub(crate) use logout::end as end_session;
pub use own_code::{CodeRequested, ConfirmRefusal, OwnCode, OwnPurpose, RequestRefusal};
pub use refresh::RefreshRefusal;
pub use register::{Register, RegisterRefusal, Registered};
pub(crate) use register::{drop_of_address as drop_registrations_of, drop_registration};
pub use resend::Resent;
pub use reset_password::{ResetBy, ResetPassword, ResetRefusal};
pub use sessions::{EndSession, NoSuchSession};
pub use tokens::Tokens;
pub use verify_email::{CodeInvalid, Registrant, VerifyEmail};

use super::otp::CodeState;
use crate::{
    crypto::{jwk::JwkSet, refresh_token::RefreshToken, token::AccessClaims},
    domain::{
        auth::{Session, key_rotation::Urgency},
        user::User,
    },
    persistence::tables::session,
    supervision::{Addr, Cx, Message, Reply, Service, Timer},
    types::{
        Call, CallContext, EmailAddress, Fault, Principal, Secret, Work,
        id::{CodeId, SessionId, UserId},
        limits,
    },
};

/// What `AuthActor` is told.
pub enum AuthMessage {
    /// Make a registration.
    Register(CallContext, Register, Reply<Result<Registered, RegisterRefusal>>),
    /// Try the code of an address.
    VerifyEmail(CallContext, VerifyEmail, Reply<Result<User, CodeInvalid>>),
    /// Send the code of an address again.
    ResendVerification(CallContext, Registrant, Reply<Resent>),
    /// Let somebody in.
    Login(CallContext, Login, Reply<Result<LoggedIn, LoginRefusal>>),
    /// Use a refresh token.
    Refresh(CallContext, Secret, Reply<Result<Tokens, RefreshRefusal>>),
    /// End a session.
    Logout(CallContext, SessionId, Reply<()>),
    /// End all sessions of a user.
    LogoutAll(CallContext, UserId, Reply<()>),
    /// Have a code sent by which a new password can be set.
    ForgotPassword(CallContext, EmailAddress, Reply<ResetRequested>),
    /// Set a new password by a code.
    ResetPassword(CallContext, ResetPassword, Reply<Result<(), ResetRefusal>>),
    /// Set a new password by the one before.
    ChangePassword(CallContext, ChangePassword, Reply<Result<(), ChangeRefusal>>),
    /// End a session of somebody's own.
    EndSession(CallContext, EndSession, Reply<Result<(), NoSuchSession>>),
    /// A generation's first access token was seen.
    MarkUsed(SessionId, u32),
    /// Rotate the signing keys.
    RotateKeys(CallContext, Urgency, Reply<Vec<KeyState>>),
    /// Signing keys may have to move on.
    KeysDue,
}

impl Message for AuthMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::Register(..) => "register",
            Self::VerifyEmail(..) => "verify_email",
            Self::ResendVerification(..) => "resend_verification",
            Self::Login(..) => "login",
            Self::Refresh(..) => "refresh",
            Self::Logout(..) => "logout",
            Self::LogoutAll(..) => "logout_all",
            Self::ForgotPassword(..) => "forgot_password",
            Self::ResetPassword(..) => "reset_password",
            Self::ChangePassword(..) => "change_password",
            Self::EndSession(..) => "end_session",
            Self::MarkUsed(..) => "mark_used",
            Self::RotateKeys(..) => "rotate_keys",
            Self::KeysDue => "keys_due",
        }
    }
}

/// The handle: one method a command. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    addr: Addr<AuthMessage>,
    context: Arc<AuthContext>,
}

impl Auth {
    /// The handle of the actor at `addr`, which works at `context`.
    pub fn new(addr: Addr<AuthMessage>, context: Arc<AuthContext>) -> Self {
        Self { addr, context }
    }

    /// Makes a registration and has a code sent to its address.
    pub async fn register(
        &self,
        context: CallContext,
        command: Register,
    ) -> Result<Result<Registered, RegisterRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| AuthMessage::Register(context, command, reply)).await
    }

    /// Makes a registration's address verified, and it a user, by its code.
    pub async fn verify_email(
        &self,
        context: CallContext,
        command: VerifyEmail,
    ) -> Result<Result<User, CodeInvalid>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::VerifyEmail(context, command, reply)).await
    }

    /// Has the code of an address sent again, if there is one to send.
    pub async fn resend_verification(&self, context: CallContext, registrant: Registrant) -> Result<Resent, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::ResendVerification(context, registrant, reply)).await
    }

    /// Lets a user in: a new session and its tokens.
    pub async fn login(&self, context: CallContext, command: Login) -> Result<Result<LoggedIn, LoginRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| AuthMessage::Login(context, command, reply)).await
    }

    /// Takes a refresh token and gives the next one with a new access token.
    pub async fn refresh(&self, context: CallContext, token: Secret) -> Result<Result<Tokens, RefreshRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::Refresh(context, token, reply)).await
    }

    /// Ends the session of a bearer token or, if that proves nothing, of a refresh token. What is neither ends nothing
    /// and is no failure.
    pub async fn logout(
        &self,
        context: CallContext,
        bearer: Option<Secret>,
        refresh: Option<Secret>,
    ) -> Result<(), Fault> {
        let by_bearer = bearer.and_then(|bearer| authenticate::session_of(&self.context, &bearer));
        let named = match (by_bearer, refresh) {
            (Some(session), _) => Some(session),
            (None, Some(refresh)) => self.session_of_refresh(&refresh)?,
            (None, None) => None,
        };
        let Some(ended) = named else { return Ok(()) };
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::Logout(context, ended, reply)).await
    }

    /// Ends all sessions of a user.
    pub async fn logout_all(&self, context: CallContext, user: UserId) -> Result<(), Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::LogoutAll(context, user, reply)).await
    }

    /// Has a code sent by which the owner of an address can set a new password, if there is one.
    pub async fn forgot_password(&self, context: CallContext, email: EmailAddress) -> Result<ResetRequested, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::ForgotPassword(context, email, reply)).await
    }

    /// Sets a new password by the code that was mailed. All sessions end.
    pub async fn reset_password(
        &self,
        context: CallContext,
        command: ResetPassword,
    ) -> Result<Result<(), ResetRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| AuthMessage::ResetPassword(context, command, reply)).await
    }

    /// Sets a new password by the one before. The user's other sessions end.
    pub async fn change_password(
        &self,
        context: CallContext,
        command: ChangePassword,
    ) -> Result<Result<(), ChangeRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| AuthMessage::ChangePassword(context, command, reply)).await
    }

    /// The sessions of a user that live, the one used last first; at most `auth.session.max_per_user`.
    pub fn sessions(&self, user: UserId) -> Result<Vec<Session>, Fault> {
        sessions::list(&self.context, user)
    }

    /// Ends a session, if it is that user's.
    pub async fn end_session(
        &self,
        context: CallContext,
        command: EndSession,
    ) -> Result<Result<(), NoSuchSession>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| AuthMessage::EndSession(context, command, reply)).await
    }

    /// Has a code sent to a signed-in user. Waits in the mailbox of that user's codes.
    pub async fn request_code(
        &self,
        context: CallContext,
        user: UserId,
        purpose: OwnPurpose,
    ) -> Result<Result<CodeRequested, RequestRefusal>, Fault> {
        own_code::request(&self.context, context, (user, purpose)).await
    }

    /// How a code that the user asked for stands. A read of the store.
    pub fn code_standing(&self, user: UserId, code: CodeId) -> Result<Option<(OwnPurpose, CodeState)>, Fault> {
        own_code::standing(&self.context, (user, code))
    }

    /// Tries a code of a signed-in user. Waits in the mailbox of that user's codes.
    pub async fn confirm_code(
        &self,
        context: CallContext,
        (who, which): (Principal, OwnCode),
        typed: &str,
    ) -> Result<Result<(), ConfirmRefusal>, Fault> {
        own_code::confirm(&self.context, context, (who, which), typed).await
    }

    /// Who a bearer token proves, looked up now. Reads the store; queues nowhere.
    pub fn authenticate(&self, token: &str) -> Result<Result<Authenticated, AuthenticateRefusal>, Fault> {
        authenticate::run(self, token)
    }

    /// The claims of a bearer token that stands.
    pub fn claims(&self, token: &Secret) -> Result<Result<Arc<AccessClaims>, AuthenticateRefusal>, Fault> {
        Ok(authenticate::run(self, token.reveal())?.map(|found| found.claims))
    }

    /// Rotates the signing keys as pressingly as `urgency` says; gives all of them.
    pub async fn rotate_keys(&self, context: CallContext, urgency: Urgency) -> Result<Vec<KeyState>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| AuthMessage::RotateKeys(context, urgency, reply)).await
    }

    /// The public keys, for `/.well-known/jwks.json` (RFC 7517 section 5).
    pub fn jwks(&self) -> JwkSet {
        self.context.signing().jwks().clone()
    }

    /// The session an authentic refresh token belongs to.
    fn session_of_refresh(&self, text: &Secret) -> Result<Option<SessionId>, Fault> {
        let Ok(token) = RefreshToken::parse(text.reveal()) else { return Ok(None) };
        let found = self.context.store.read(|view| session::find(view, token.session))?;
        Ok(found.filter(|session| token.is_authentic(&session.seed)).map(|session| session.id))
    }

    /// Nobody waits for it: if it is lost, the next request of the generation brings it again.
    fn mark_used(&self, session: SessionId, generation: u32) {
        if let Err(fault) = self.addr.cast(AuthMessage::MarkUsed(session, generation)) {
            tracing::debug!(%fault, "the first use of a generation was not noted");
        }
    }
}

/// The actor.
pub struct AuthActor {
    context: Arc<AuthContext>,
}

impl AuthActor {
    /// An actor that works at `context`.
    pub fn new(context: Arc<AuthContext>) -> Self {
        Self { context }
    }

    /// Starts `flow` as a job that answers `reply`.
    fn job<T, F>(
        &self,
        cx: &Cx<AuthMessage>,
        kind: &'static str,
        (work, context): (Work, CallContext),
        reply: Reply<T>,
        flow: impl FnOnce(Arc<AuthContext>, Call) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let flow = flow(Arc::clone(&self.context), Call { work: work.clone(), context });
        cx.job(work, kind, async move { reply.finish(flow.await) });
    }

    fn mark_used(&self, cx: &Cx<AuthMessage>, work: Work, session: SessionId, generation: u32) {
        let context = Arc::clone(&self.context);
        let call = Call { work: work.clone(), context: CallContext::service("auth", "first-use") };
        cx.job(work, "mark_used", async move {
            if let Err(fault) = authenticate::mark_used(&context, &call, session, generation).await {
                tracing::debug!(%fault, "the first use of a generation was not noted");
            }
        });
    }

    fn keys_due(&self, cx: &Cx<AuthMessage>, work: Work) {
        let context = Arc::clone(&self.context);
        let call = Call { work: work.clone(), context: CallContext::service("auth", "keys-due") };
        cx.job(work, "keys_due", async move {
            if let Err(fault) = keys::advance_when_due(&context, &call).await {
                tracing::warn!(%fault, "the signing keys could not be looked at; tried again in a while");
            }
        });
    }
}

/// How often signing keys are looked at.
const KEYS_EVERY: Duration = Duration::from_secs(60);

impl Service for AuthActor {
    type Message = AuthMessage;
    type State = Timer;
    const KIND: &'static str = "auth";

    async fn start(&self, cx: &Cx<AuthMessage>) -> Result<Timer, Fault> {
        Ok(cx.send_after(KEYS_EVERY, || AuthMessage::KeysDue))
    }

    async fn handle(&self, cx: &Cx<AuthMessage>, state: &mut Timer, message: AuthMessage, work: Work) {
        let kind = message.kind();
        match message {
            AuthMessage::Register(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| register::run(context, call, command));
            }
            AuthMessage::VerifyEmail(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| verify_email::run(context, call, command));
            }
            AuthMessage::ResendVerification(context, registrant, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| resend::run(context, call, registrant));
            }
            AuthMessage::Login(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| login::run(context, call, command));
            }
            AuthMessage::Refresh(context, token, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| refresh::run(context, call, token));
            }
            AuthMessage::Logout(context, session, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| logout::run(context, call, session));
            }
            AuthMessage::LogoutAll(context, user, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| logout::run_all(context, call, user));
            }
            AuthMessage::RotateKeys(context, urgency, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| keys::rotate_at(context, call, urgency));
            }
            AuthMessage::ForgotPassword(context, email, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| forgot_password::run(context, call, email));
            }
            AuthMessage::ResetPassword(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| reset_password::run(context, call, command));
            }
            AuthMessage::ChangePassword(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| {
                    change_password::run(context, call, command)
                });
            }
            AuthMessage::EndSession(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| sessions::end(context, call, command));
            }
            AuthMessage::MarkUsed(session, generation) => self.mark_used(cx, work, session, generation),
            AuthMessage::KeysDue => {
                self.keys_due(cx, work);
                *state = cx.send_after(KEYS_EVERY, || AuthMessage::KeysDue);
            }
        }
    }
}
