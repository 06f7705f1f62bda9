//! Codes that signed-in users ask for themselves: to prove again who they are, or that a phone is theirs. They know who
//! they are, so there is nothing to hide from them.

use std::sync::Arc;

use super::{AuthContext, verify_email};
use crate::{
    actors::otp::{CodeOrder, CodeState, Effect, Issued, Tried},
    crypto::code::CodeDigits,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::Session,
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::User,
    },
    persistence::{
        Tx, TxFault,
        tables::{code, session, user},
    },
    types::{
        CallContext, Fault, Principal, Timestamp,
        id::{CodeId, SessionId, UserId},
    },
};

/// What a signed-in user may ask a code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnPurpose {
    /// To do what is dangerous.
    StepUp,
    /// To prove that the phone is theirs.
    VerifyPhone,
    /// To prove that the address is theirs, where users enter before they have.
    VerifyEmail,
}

impl OwnPurpose {
    /// What the signed-in may ask for among all purposes; a reset is for those who are not signed in.
    fn of(purpose: CodePurpose) -> Option<Self> {
        match purpose {
            CodePurpose::StepUp => Some(Self::StepUp),
            CodePurpose::VerifyPhone => Some(Self::VerifyPhone),
            CodePurpose::VerifyEmail => Some(Self::VerifyEmail),
            CodePurpose::ResetPassword => None,
        }
    }
}

impl From<OwnPurpose> for CodePurpose {
    fn from(purpose: OwnPurpose) -> Self {
        match purpose {
            OwnPurpose::StepUp => Self::StepUp,
            OwnPurpose::VerifyPhone => Self::VerifyPhone,
            OwnPurpose::VerifyEmail => Self::VerifyEmail,
        }
    }
}

/// A code is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRequested {
    /// Its id.
    pub code: CodeId,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// From when on it may be asked for again.
    pub resend_at: Timestamp,
}

/// Why none is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRefusal {
    /// There is no way to send it to a phone.
    NoChannel,
    /// The user has no phone.
    NoPhone,
    /// The address is proven already.
    AlreadyVerified,
    /// One was sent just now, or too many were.
    TooSoon {
        /// When asking again makes sense.
        until: Timestamp,
    },
    /// The user is gone.
    SessionEnded,
}

/// Why a code proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmRefusal {
    /// What was typed is not six digits; nothing was tried.
    NoCode,
    /// It is wrong.
    Wrong {
        /// Tries that are left.
        attempts_left: u8,
    },
    /// It has run out, or is void, or there is none.
    Expired,
}

/// Which of the user's codes is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCode {
    /// By the id that asking for it answered.
    Id(CodeId),
    /// The one for the purpose.
    Purpose(OwnPurpose),
}

pub(super) async fn request(
    context: &AuthContext,
    call_context: CallContext,
    (who, purpose): (UserId, OwnPurpose),
) -> Result<Result<CodeRequested, RequestRefusal>, Fault> {
    match purpose {
        OwnPurpose::VerifyPhone if !context.reaches_phones => return Ok(Err(RequestRefusal::NoChannel)),
        OwnPurpose::VerifyPhone | OwnPurpose::VerifyEmail | OwnPurpose::StepUp => {}
    }
    match context.otp.issue(call_context, who, purpose.into(), CodeOrder::Asked).await? {
        Issued::Sent { code, expires_at, resend_at } => Ok(Ok(CodeRequested { code, expires_at, resend_at })),
        Issued::Wait { until } => Ok(Err(RequestRefusal::TooSoon { until })),
        Issued::Nobody => Ok(Err(match purpose {
            OwnPurpose::VerifyPhone => RequestRefusal::NoPhone,
            OwnPurpose::VerifyEmail => RequestRefusal::AlreadyVerified,
            OwnPurpose::StepUp => RequestRefusal::SessionEnded,
        })),
    }
}

/// How a code of the user's own stands, and what it is to prove. A read of the store.
pub(super) fn standing(
    context: &AuthContext,
    (who, id): (UserId, CodeId),
) -> Result<Option<(OwnPurpose, CodeState)>, Fault> {
    let found = context.otp.standing(who, id)?;
    Ok(found.and_then(|standing| Some((OwnPurpose::of(standing.purpose)?, standing))))
}

pub(super) async fn confirm(
    context: &AuthContext,
    call_context: CallContext,
    (who, which): (Principal, OwnCode),
    typed: &str,
) -> Result<Result<(), ConfirmRefusal>, Fault> {
    if CodeDigits::parse(typed).is_err() {
        return Ok(Err(ConfirmRefusal::NoCode));
    }
    let Some(purpose) = purpose_of(context, who.user, which)? else { return Ok(Err(ConfirmRefusal::Expired)) };
    let effect: Effect = match purpose {
        OwnPurpose::StepUp => Arc::new(move |tx: &mut Tx<'_>| step_up(tx, who.session)),
        OwnPurpose::VerifyPhone => Arc::new(move |tx: &mut Tx<'_>| verify_phone(tx, who.user)),
        OwnPurpose::VerifyEmail => Arc::new(verify_email::activate(who.user)),
    };
    match context.otp.verify(call_context, who.user, purpose.into(), typed, effect).await? {
        Tried::Right | Tried::RightAgain => Ok(Ok(())),
        Tried::Wrong { attempts_left } => Ok(Err(ConfirmRefusal::Wrong { attempts_left })),
        Tried::Expired | Tried::Unknown => Ok(Err(ConfirmRefusal::Expired)),
    }
}

fn purpose_of(context: &AuthContext, user: UserId, which: OwnCode) -> Result<Option<OwnPurpose>, Fault> {
    match which {
        OwnCode::Purpose(purpose) => Ok(Some(purpose)),
        OwnCode::Id(id) => {
            let codes = context.store.read(|view| code::of_owner(view, user))?;
            Ok(codes.iter().find(|code| code.id == id).and_then(|code| OwnPurpose::of(code.purpose)))
        }
    }
}

/// The session is as good as one that has just begun.
fn step_up(tx: &mut Tx<'_>, id: SessionId) -> Result<bool, TxFault> {
    let Some(held) = session::find(tx, id)?.filter(|held| held.is_live(tx.now())) else { return Ok(false) };
    let mut amr = held.amr.clone();
    if !amr.iter().any(|method| method == "otp") {
        amr.push("otp".to_owned());
    }
    session::update(tx, &Session { auth_time: tx.now(), amr, ..held.clone() })?;
    audit(tx, AuditAction::StepUp, held.user)?;
    Ok(true)
}

fn verify_phone(tx: &mut Tx<'_>, id: UserId) -> Result<bool, TxFault> {
    let Some(found) = user::find(tx, id)?.filter(|user| user.phone.is_some()) else { return Ok(false) };
    let version = found.version + 1;
    user::replace(tx, &User { phone_verified: true, updated_at: tx.now(), version, ..found })?;
    let fields = vec!["phoneVerified".to_owned()];
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { subject: id, kind: EventKind::UserUpdated { user: id, fields }, personal })?;
    audit(tx, AuditAction::VerifyPhone, id)?;
    Ok(true)
}

fn audit(tx: &mut Tx<'_>, action: AuditAction, user: UserId) -> Result<(), TxFault> {
    tx.audit(AuditRecord { action, result: AuditResult::Done, subject: Some(user), detail: String::new() })
}
