//! Registration, verification of addresses, login, sessions, tokens.
//!
//! **Owns** the commands of sign-in and the tables of registrations, sessions, signing keys and failed logins.
//! **Wakes on** commands of its handle; the worker `key_rotation` rotates its signing keys, the worker `mark_used`
//! writes which refresh generations are in use.
//! **Promises** that no command delays another: each is a job, decided in one transaction.
//! **Loses on crash** the first uses of the last second, which the next requests repeat.
//!
//! Must not know: HTTP, how codes are delivered. Begin with `login.rs`, from command to commit.

mod authenticate;
mod change_password;
mod context;
mod drop_registration;
mod end_session;
mod forgot_password;
mod identifiers;
mod key_reload;
mod key_rotation;
mod keys;
mod login;
mod login_attempt;
mod logout;
mod logout_all;
mod mark_used;
mod own_code;
mod password_costs;
mod proof;
mod refresh;
mod register;
mod resend_registration;
mod resend_verification;
mod reset_password;
mod rotate_keys;
mod sessions;
mod take_over;
mod tokens;
mod verify_email;
pub(crate) mod writes;

use std::sync::Arc;

pub use authenticate::{AuthenticateRefusal, Authenticated};
pub use change_password::{ChangePassword, ChangeRefusal};
pub use context::{AuthContext, AuthKeys};
pub use drop_registration::{DropRegistration, NoSuchRegistration};
pub use end_session::{EndSession, NoSuchSession};
pub use forgot_password::{ForgotPassword, ResetRequested};
pub use key_reload::KeyReload;
pub use key_rotation::KeyRotation;
pub use keys::{KeyState, prepare as prepare_keys, rotate_in as rotate_keys};
pub use login::{LoggedIn, Login, LoginRefusal};
pub use logout::{Logout, LogoutTokens};
pub use logout_all::LogoutAll;
pub use mark_used::MarkUsed;
pub use own_code::{CodeRequested, ConfirmRefusal, OwnCode, OwnPurpose, RequestRefusal};
pub use refresh::{Refresh, RefreshRefusal};
pub use register::{Register, RegisterRefusal, Registered};
pub use resend_registration::{RegistrationResent, ResendRefusal, ResendRegistration};
pub use resend_verification::{Registrant, ResendVerification, Resent};
pub use reset_password::{ResetBy, ResetPassword, ResetProof, ResetRefusal};
pub use rotate_keys::RotateKeys;
pub use tokens::Tokens;
pub use verify_email::{CodeInvalid, EmailProof, EmailVerified, VerifyEmail};

use super::{hasher::HasherReport, otp::CodeState};
use crate::{
    crypto::{jwk::JwkSet, token::AccessClaims},
    domain::auth::{Registration, Session},
    persistence::tables::registration,
    supervision::{Command, CommandActor, Handle},
    telemetry::metrics::figures::{CacheFigures, HasherFigures},
    types::{
        CallContext, EmailAddress, Failure, Fault, Page, PageLimit, Principal, Secret,
        id::{CodeId, SessionId, UserId},
    },
};

/// The actor, which starts a job for each command.
pub type AuthActor = CommandActor<AuthContext>;

/// The handle: runs commands by the actor, and reads the store itself. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Handle<AuthContext>);

impl Auth {
    /// The service over the actor's handle.
    pub fn new(handle: Handle<AuthContext>) -> Self {
        Self(handle)
    }

    /// Runs a command and waits for its answer until its deadline.
    ///
    /// Fails with the command's refusal or the faults of `Handle::run`.
    pub async fn run<K: Command<AuthContext>>(
        &self,
        origin: CallContext,
        command: K,
    ) -> Result<K::Answer, Failure<K::Refusal>> {
        self.0.run(origin, command).await
    }

    fn context(&self) -> &Arc<AuthContext> {
        self.0.context()
    }
}

/// Reads of the store and of the keys, without the mailbox.
impl Auth {
    /// The user and session of a bearer token, read from the store at the call.
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated, Failure<AuthenticateRefusal>> {
        authenticate::run(self, token).await
    }

    /// The claims of a valid bearer token.
    pub async fn claims(&self, token: &Secret) -> Result<Arc<AccessClaims>, Failure<AuthenticateRefusal>> {
        Ok(authenticate::run(self, token.reveal()).await?.claims)
    }

    /// The session for `Logout`: that of the bearer token or, if it is not valid, of the refresh token. `None`: neither
    /// token has a session.
    pub async fn session_named_by(&self, tokens: &LogoutTokens) -> Result<Option<SessionId>, Fault> {
        logout::session_named_by(self.context(), tokens).await
    }

    /// The valid sessions of a user, the last used one first; at most `auth.session.max_per_user`.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Fault> {
        sessions::list(self.context(), user).await
    }

    /// The registrations that a code can turn into users, newest first, of one address or of all.
    pub async fn registrations(
        &self,
        email: Option<EmailAddress>,
        after: Option<UserId>,
        limit: PageLimit,
    ) -> Result<Page<Registration, UserId>, Fault> {
        let now = self.context().system.clock().now();
        let store = &self.context().store;
        store.read(move |view| registration::page(view, (email.as_ref(), now), after, limit)).await
    }

    /// The state of a code that the user requested.
    pub async fn code_standing(&self, user: UserId, code: CodeId) -> Result<Option<(OwnPurpose, CodeState)>, Fault> {
        own_code::standing(self.context(), (user, code)).await
    }

    /// The figures of the cache of verified tokens, and of the queue for password hashes.
    pub fn figures(&self) -> (CacheFigures, HasherFigures) {
        let (hits, misses) = self.context().verified.hits_and_misses();
        let HasherReport { hashed, verified, verified_unknown, refused, waiting, running, .. } =
            self.context().hasher.report();
        let hasher = HasherFigures { waiting, running, hashed, verified, verified_unknown, refused };
        (CacheFigures { hits, misses }, hasher)
    }

    /// The public keys, for `/.well-known/jwks.json` (RFC 7517 section 5).
    pub fn jwks(&self) -> JwkSet {
        self.context().signing().jwks().clone()
    }
}

/// Codes of signed-in users; these calls wait in the mailbox of the user's codes.
impl Auth {
    /// Sends a code to a signed-in user.
    pub async fn request_code(
        &self,
        context: CallContext,
        user: UserId,
        purpose: OwnPurpose,
    ) -> Result<CodeRequested, Failure<RequestRefusal>> {
        own_code::request(self.context(), context, (user, purpose)).await
    }

    /// Tries a code of a signed-in user.
    pub async fn confirm_code(
        &self,
        context: CallContext,
        (caller, which): (Principal, OwnCode),
        typed: &str,
    ) -> Result<(), Failure<ConfirmRefusal>> {
        own_code::confirm(self.context(), context, (caller, which), typed).await
    }
}
