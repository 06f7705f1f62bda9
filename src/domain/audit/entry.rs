//! The content of an audit entry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::log::AuditLog;
use crate::{
    domain::event::Personal,
    types::{Caller, Invalid, Timestamp, id::UserId},
};

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $log:ident;)*) => {
        /// The action of an entry, done or refused. Stored by position: new variants go to the end, none is removed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum AuditAction { $($(#[$doc])* $variant,)* }

        impl AuditAction {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name on the wire.
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// The log of its entries.
            pub fn log(self) -> AuditLog { match self { $(Self::$variant => AuditLog::$log,)* } }
            /// The action with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == name)
            }
        }
    };
}

actions! {
    /// A registration was created.
    Register = "user.register" in Changes;
    /// An address was verified, which created a user.
    VerifyEmail = "user.verify_email" in Changes;
    /// A code was sent again.
    ResendCode = "code.resend" in Changes;
    /// A wrong code was given.
    CodeRefused = "code.refused" in Changes;
    /// A sign-in.
    Login = "auth.login" in SignIns;
    /// A sign-out of one session.
    Logout = "auth.logout" in SignIns;
    /// A sign-out of all sessions.
    LogoutAll = "auth.logout_all" in SignIns;
    /// A refresh token was used.
    Refresh = "auth.refresh" in SignIns;
    /// A refresh token was reused, which ended its session.
    ReuseDetected = "auth.reuse_detected" in SignIns;
    /// A session was ended from the list of sessions or by an operator.
    EndSession = "session.end" in Changes;
    /// Sign-in was locked for a time after too many failures.
    LockOut = "auth.lock_out" in SignIns;
    /// A password reset was requested.
    ForgotPassword = "password.forgot" in Changes;
    /// The password was reset by a code.
    ResetPassword = "password.reset" in Changes;
    /// The password was changed.
    ChangePassword = "password.change" in Changes;
    /// A phone number was verified.
    VerifyPhone = "user.verify_phone" in Changes;
    /// A user confirmed their identity again (step-up).
    StepUp = "auth.step_up" in SignIns;
    /// An administrator was created.
    CreateAdmin = "user.create_admin" in Changes;
    /// A user's status was changed.
    ChangeStatus = "user.change_status" in Changes;
    /// A user's roles were changed.
    ChangeRoles = "user.change_roles" in Changes;
    /// A user's fields were changed.
    UpdateUser = "user.update" in Changes;
    /// A user was unlocked.
    Unlock = "user.unlock" in Changes;
    /// Signing keys were created or changed their stage.
    RotateKeys = "keys.rotate" in Changes;
    /// A dead letter was requeued.
    RequeueDeadLetter = "event.requeue" in Changes;
    /// A dead letter was discarded.
    DiscardDeadLetter = "event.discard" in Changes;
    /// An actor was restarted by an operator.
    RestartActor = "actor.restart" in Changes;
    /// An operator wrote a snapshot to a file.
    TakeSnapshot = "snapshot.take" in Changes;
    /// An operator accepted the time.
    AcceptClock = "clock.accept" in Changes;
    /// An operator resumed sending of a restored store.
    ResumeSending = "notify.resume" in Changes;
    /// A person was invited to register.
    Invite = "user.invite" in Changes;
    /// An invitation was revoked.
    RevokeInvitation = "user.revoke_invitation" in Changes;
    /// A user, or a list of users, was read by another user; once an hour for each caller, user and operation.
    ReadUser = "user.read" in SignIns;
    /// A caller without the permission was refused; once an hour for each caller and operation.
    Access = "access" in SignIns;
    /// So many wrong codes were tried that no code is accepted for a while.
    CodeCeiling = "code.ceiling" in Changes;
}

/// The result of the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditResult {
    /// It was done.
    Done,
    /// A rule refused it.
    Refused,
}

impl AuditResult {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// The actor of an entry: the caller on whose behalf the action was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// No verified caller.
    Anonymous,
    /// A signed-in user.
    User(UserId),
    /// An operator at the command line.
    Cli,
    /// A service, by its name.
    Service(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Cli => f.write_str("cli"),
            Self::Service(service) => write!(f, "service:{service}"),
        }
    }
}

impl FromStr for Actor {
    type Err = Invalid;
    /// Reads the form that `Display` writes.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const UNKNOWN: Invalid =
            Invalid::new("unknown_value", "must be anonymous, cli, user:<id> or service:<service>");
        match text.split_once(':') {
            Some(("user", id)) => id.parse().map(Self::User),
            Some(("service", service)) if !service.is_empty() => Ok(Self::Service(service.to_owned())),
            None if text == "anonymous" => Ok(Self::Anonymous),
            None if text == "cli" => Ok(Self::Cli),
            Some(_) | None => Err(UNKNOWN),
        }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Anonymous => Self::Anonymous,
            Caller::User(principal) => Self::User(principal.user),
            Caller::Operator => Self::Cli,
            Caller::Service(service) => Self::Service((*service).to_owned()),
        }
    }
}

/// An entry as a transaction writes it. The store adds actor, request, time, number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The action.
    pub action: AuditAction,
    /// The result.
    pub result: AuditResult,
    /// The person that the entry is about, whose key seals the personal fields; `None`: no known person.
    pub subject: Option<UserId>,
    /// A short text without personal fields and secrets, e.g. `reason=logged_out`.
    pub detail: String,
}

impl AuditRecord {
    /// `action` was done; `subject` is the person, if known.
    pub fn done(action: AuditAction, subject: impl Into<Option<UserId>>) -> Self {
        Self { action, result: AuditResult::Done, subject: subject.into(), detail: String::new() }
    }

    /// A rule refused `action`.
    pub fn refused(action: AuditAction, subject: impl Into<Option<UserId>>) -> Self {
        Self { result: AuditResult::Refused, ..Self::done(action, subject) }
    }

    /// The record with a detail.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// An entry as auditors read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The log of the entry.
    pub log: AuditLog,
    /// The entry's number in the chain of that log, from 1.
    pub number: u64,
    /// The time of the commit's decision.
    pub time: Timestamp,
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub action: AuditAction,
    /// The result.
    pub result: AuditResult,
    /// The person that the entry is about.
    pub subject: Option<UserId>,
    /// The id of the request.
    pub request_id: String,
    /// A short text.
    pub detail: String,
    /// The origin of the request; empty after the person's erasure.
    pub personal: Personal,
    /// SHA-256 of the previous entry's hash and this entry's digest.
    pub hash: [u8; 32],
}
