//! What an entry of the audit trail says.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::log::AuditLog;
use crate::{
    domain::event::Personal,
    types::{Caller, Invalid, Timestamp, id::UserId},
};

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $log:ident;)*) => {
        /// What was done or tried. Stored by position: new ones go to the end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum AuditAction { $($(#[$doc])* $variant,)* }

        impl AuditAction {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name on the wire.
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// The log that its entries stand in.
            pub fn log(self) -> AuditLog { match self { $(Self::$variant => AuditLog::$log,)* } }
            /// The action of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == name)
            }
        }
    };
}

actions! {
    /// A registration was made.
    Register = "user.register" in Changes;
    /// An address was verified, a user came to be.
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
    /// A refresh token came back and ended its session.
    ReuseDetected = "auth.reuse_detected" in SignIns;
    /// A session was ended from the list or by an operator.
    EndSession = "session.end" in Changes;
    /// Sign-in was shut for a while.
    LockOut = "auth.lock_out" in SignIns;
    /// A reset of the password was asked for.
    ForgotPassword = "password.forgot" in Changes;
    /// The password was reset by a code.
    ResetPassword = "password.reset" in Changes;
    /// The password was changed.
    ChangePassword = "password.change" in Changes;
    /// A phone number was verified.
    VerifyPhone = "user.verify_phone" in Changes;
    /// A user proved again who they are.
    StepUp = "auth.step_up" in SignIns;
    /// An administrator was made.
    CreateAdmin = "user.create_admin" in Changes;
    /// A user's status was changed.
    ChangeStatus = "user.change_status" in Changes;
    /// A user's roles were changed.
    ChangeRoles = "user.change_roles" in Changes;
    /// A user's fields were changed.
    UpdateUser = "user.update" in Changes;
    /// A lock was taken from a user.
    Unlock = "user.unlock" in Changes;
    /// Signing keys were made or moved on.
    RotateKeys = "keys.rotate" in Changes;
    /// A dead letter was requeued.
    RequeueDeadLetter = "event.requeue" in Changes;
    /// A dead letter was discarded.
    DiscardDeadLetter = "event.discard" in Changes;
    /// An actor was restarted by an operator.
    RestartActor = "actor.restart" in Changes;
    /// A snapshot was taken into a file of an operator's choice.
    TakeSnapshot = "snapshot.take" in Changes;
    /// An operator said that the time is right.
    AcceptClock = "clock.accept" in Changes;
    /// A restored store was told that it may send.
    ResumeSending = "notify.resume" in Changes;
    /// Somebody was invited to register.
    Invite = "user.invite" in Changes;
    /// An invitation was taken back.
    RevokeInvitation = "user.revoke_invitation" in Changes;
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditResult {
    /// Done.
    Done,
    /// Refused by a rule.
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

/// On whose behalf it was done, as the trail keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// Nobody proven.
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
    /// Takes what `Display` writes.
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

/// An entry as a transaction writes it; the store adds actor, request, time, number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// What was done.
    pub action: AuditAction,
    /// How it ended.
    pub result: AuditResult,
    /// The person it is about, under whose key personal fields are sealed; `None`: no known person.
    pub subject: Option<UserId>,
    /// A few words on it without personal fields and secrets, e.g. `reason=logged_out`.
    pub detail: String,
}

impl AuditRecord {
    /// `action` was done; about `subject`, if it is about a known person.
    pub fn done(action: AuditAction, subject: impl Into<Option<UserId>>) -> Self {
        Self { action, result: AuditResult::Done, subject: subject.into(), detail: String::new() }
    }

    /// `action` was refused by a rule.
    pub fn refused(action: AuditAction, subject: impl Into<Option<UserId>>) -> Self {
        Self { result: AuditResult::Refused, ..Self::done(action, subject) }
    }

    /// The same with a few words on it.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// An entry as auditors read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The log that it stands in.
    pub log: AuditLog,
    /// Its place in that log's chain, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// On whose behalf.
    pub actor: Actor,
    /// What was done.
    pub action: AuditAction,
    /// How it ended.
    pub result: AuditResult,
    /// The person it is about.
    pub subject: Option<UserId>,
    /// The request.
    pub request_id: String,
    /// A few words.
    pub detail: String,
    /// From where; empty once the person is erased.
    pub personal: Personal,
    /// SHA-256 of the hash of the entry before and the digest of this one.
    pub hash: [u8; 32],
}
