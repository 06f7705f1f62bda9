//! Codes that signed-in users ask for themselves: to prove again who they are, or that a phone is theirs. They know who
//! they are, so there is nothing to hide from them.

use std::time::Duration;

use super::{AuthContext, proof};
use crate::{
    actors::otp::{CodeOrder, CodeState, Effect, EffectRefused, Issued, Tried},
    crypto::code::CodeDigits,
    domain::{
        audit::AuditRecord,
        auth::{Session, actions::AuthAction},
        event::{Event, EventOrigin, Personal},
        otp::CodePurpose,
        user::{User, events::UserUpdated},
    },
    persistence::{
        Decision, Tx, refuse,
        tables::{code, session, user},
    },
    types::{
        CallContext, Failure, Fault, Principal, Timestamp,
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
        /// How long until asking again makes sense.
        wait: Duration,
    },
    /// The user is gone.
    SessionEnded,
}

/// Why a code proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmRefusal {
    /// What was typed is not of the form of a code; nothing was tried.
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
) -> Result<CodeRequested, Failure<RequestRefusal>> {
    match purpose {
        OwnPurpose::VerifyPhone if !context.reaches_phones => return Err(Failure::Refused(RequestRefusal::NoChannel)),
        OwnPurpose::VerifyPhone | OwnPurpose::VerifyEmail | OwnPurpose::StepUp => {}
    }
    let now = context.system.clock().now();
    match context.otp.issue(call_context, who, purpose.into(), CodeOrder::Asked).await? {
        Issued::Sent { code, expires_at, resend_at } => Ok(CodeRequested { code, expires_at, resend_at }),
        Issued::Wait { until } => Err(Failure::Refused(RequestRefusal::TooSoon { wait: until.since(now) })),
        Issued::Nobody => Err(Failure::Refused(match purpose {
            OwnPurpose::VerifyPhone => RequestRefusal::NoPhone,
            OwnPurpose::VerifyEmail => RequestRefusal::AlreadyVerified,
            OwnPurpose::StepUp => RequestRefusal::SessionEnded,
        })),
    }
}

/// How a code of the user's own stands, and what it is to prove. A read of the store.
pub(super) async fn standing(
    context: &AuthContext,
    (who, id): (UserId, CodeId),
) -> Result<Option<(OwnPurpose, CodeState)>, Fault> {
    let found = context.otp.standing(who, id).await?;
    Ok(found.and_then(|standing| Some((OwnPurpose::of(standing.purpose)?, standing))))
}

pub(super) async fn confirm(
    context: &AuthContext,
    call_context: CallContext,
    (who, which): (Principal, OwnCode),
    typed: &str,
) -> Result<(), Failure<ConfirmRefusal>> {
    if CodeDigits::parse(typed).is_err() {
        return Err(Failure::Refused(ConfirmRefusal::NoCode));
    }
    let Some(purpose) = purpose_of(context, who.user, which).await? else {
        return Err(Failure::Refused(ConfirmRefusal::Expired));
    };
    let effect = match purpose {
        OwnPurpose::StepUp => Effect::new("step_up", move |tx| step_up(tx, who.session)),
        OwnPurpose::VerifyPhone => Effect::new("verify_phone", move |tx| verify_phone(tx, who.user)),
        OwnPurpose::VerifyEmail => proof::verify_email(who.user, Some(who.session)),
    };
    match context.otp.verify(call_context, who.user, purpose.into(), typed, effect).await? {
        Tried::Right | Tried::RightAgain => Ok(()),
        Tried::Wrong { attempts_left } => Err(Failure::Refused(ConfirmRefusal::Wrong { attempts_left })),
        Tried::Expired | Tried::Unknown => Err(Failure::Refused(ConfirmRefusal::Expired)),
    }
}

async fn purpose_of(context: &AuthContext, user: UserId, which: OwnCode) -> Result<Option<OwnPurpose>, Fault> {
    match which {
        OwnCode::Purpose(purpose) => Ok(Some(purpose)),
        OwnCode::Id(id) => {
            let codes = context.store.read(move |view| code::of_owner(view, user)).await?;
            Ok(codes.iter().find(|code| code.id == id).and_then(|code| OwnPurpose::of(code.purpose)))
        }
    }
}

/// The session is as good as one that has just begun.
fn step_up(tx: &mut Tx<'_>, id: SessionId) -> Decision<(), EffectRefused> {
    let held = session::find(tx, id)?.filter(|held| held.is_live(tx.now()));
    let Some(held) = held else { return refuse(EffectRefused) };
    let mut amr = held.amr.clone();
    if !amr.iter().any(|method| method == "otp") {
        amr.push("otp".to_owned());
    }
    session::update(tx, &Session { auth_time: tx.now(), amr, ..held.clone() })?;
    tx.audit(AuditRecord::done(AuthAction::StepUp, held.user))?;
    Ok(())
}

fn verify_phone(tx: &mut Tx<'_>, id: UserId) -> Decision<(), EffectRefused> {
    let found = user::find(tx, id)?.filter(|user| user.profile.phone.is_some());
    let Some(found) = found else { return refuse(EffectRefused) };
    let version = found.version + 1;
    user::replace(tx, &User { phone_verified: true, updated_at: tx.now(), version, ..found })?;
    let fields = vec!["phoneVerified".to_owned()];
    let kind = UserUpdated { user: id, fields }.into();
    let event = Event { subject: id, kind, personal: Personal::default() };
    tx.record(EventOrigin::Call, event, AuditRecord::done(AuthAction::VerifyPhone, id))?;
    Ok(())
}
