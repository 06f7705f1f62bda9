//! The content of an audit entry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    action::{ActionRow, AuditAction},
    log::AuditLog,
};
use crate::{
    domain::event::Personal,
    types::{Caller, Invalid, Timestamp, id::UserId},
};

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
    pub action: &'static ActionRow,
    pub result: AuditResult,
    /// The person that the entry is about, whose key seals the personal fields; `None`: no known person.
    pub subject: Option<UserId>,
    /// A short text without personal fields and secrets, e.g. `reason=logged_out`.
    pub detail: String,
}

impl AuditRecord {
    /// `action` was done; `subject` is the person, if known.
    pub fn done(action: impl Into<&'static ActionRow>, subject: impl Into<Option<UserId>>) -> Self {
        Self { action: action.into(), result: AuditResult::Done, subject: subject.into(), detail: String::new() }
    }

    /// A rule refused `action`.
    pub fn refused(action: impl Into<&'static ActionRow>, subject: impl Into<Option<UserId>>) -> Self {
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
    pub actor: Actor,
    pub action: AuditAction,
    pub result: AuditResult,
    /// The person that the entry is about.
    pub subject: Option<UserId>,
    /// The id of the request.
    pub request_id: String,
    pub detail: String,
    /// The origin of the request; empty after the person's erasure.
    pub personal: Personal,
    /// SHA-256 of the previous entry's hash and this entry's digest.
    pub hash: [u8; 32],
}
