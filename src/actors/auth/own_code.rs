//! Codes that signed-in users request: to prove their identity again, or to prove a phone or an address. The answers
//! may state the reason of a refusal, because the caller is the owner of the code.

use std::time::Duration;

use super::{AuthContext, proof};
use crate::{
    actors::otp::{CodeOrder, CodeState, Effect, EffectRefused, Issued, Tried},
    crypto::code::CodeDigits,
    domain::{
        audit::AuditRecord,
        auth::{Session, actions::AuthAction},
        event::{Event, Personal},
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

/// The purposes for which a signed-in user can request a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnPurpose {
    /// Proves the identity again, for sensitive operations.
    StepUp,
    VerifyPhone,
    /// Proves the address, if users can sign in before they have proven it.
    VerifyEmail,
}

impl OwnPurpose {
    /// The own purpose of a code; `None` for a reset, which needs no sign-in.
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

/// The answer to a request for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRequested {
    pub code: CodeId,
    pub expires_at: Timestamp,
    /// The time from which the code can be requested again.
    pub resend_at: Timestamp,
}

/// The reason why no code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRefusal {
    /// No channel to phones is configured.
    NoChannel,
    /// The user has no phone.
    NoPhone,
    /// The address is already proven.
    AlreadyVerified,
    /// The last code is too recent, or a limit on sending is reached.
    TooSoon {
        /// The time until the next code can be requested.
        wait: Duration,
    },
    /// The user no longer exists.
    SessionEnded,
}

/// The reason why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmRefusal {
    /// The text does not have the form of a code; it is not counted.
    NoCode,
    /// The code is wrong.
    Wrong {
        /// The number of tries left.
        attempts_left: u8,
    },
    /// The code has expired or is void, or there is none.
    Expired,
}

/// Names one of the user's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCode {
    /// The id from the answer to the request.
    Id(CodeId),
    Purpose(OwnPurpose),
}

pub(super) async fn request(
    context: &AuthContext,
    call_context: CallContext,
    (user, purpose): (UserId, OwnPurpose),
) -> Result<CodeRequested, Failure<RequestRefusal>> {
    match purpose {
        OwnPurpose::VerifyPhone if !context.reaches_phones => return Err(Failure::Refused(RequestRefusal::NoChannel)),
        OwnPurpose::VerifyPhone | OwnPurpose::VerifyEmail | OwnPurpose::StepUp => {}
    }
    let now = context.system.clock().now();
    match context.otp.issue(call_context, user, purpose.into(), CodeOrder::Asked).await? {
        Issued::Sent { code, expires_at, resend_at } => Ok(CodeRequested { code, expires_at, resend_at }),
        Issued::Wait { until } => Err(Failure::Refused(RequestRefusal::TooSoon { wait: until.since(now) })),
        Issued::NoOwner => Err(Failure::Refused(match purpose {
            OwnPurpose::VerifyPhone => RequestRefusal::NoPhone,
            OwnPurpose::VerifyEmail => RequestRefusal::AlreadyVerified,
            OwnPurpose::StepUp => RequestRefusal::SessionEnded,
        })),
    }
}

/// The state and purpose of a code of the user. Reads the store.
pub(super) async fn standing(
    context: &AuthContext,
    (user, id): (UserId, CodeId),
) -> Result<Option<(OwnPurpose, CodeState)>, Fault> {
    let found = context.otp.standing(user, id).await?;
    Ok(found.and_then(|standing| Some((OwnPurpose::of(standing.purpose)?, standing))))
}

pub(super) async fn confirm(
    context: &AuthContext,
    call_context: CallContext,
    (caller, which): (Principal, OwnCode),
    typed: &str,
) -> Result<(), Failure<ConfirmRefusal>> {
    if CodeDigits::parse(typed).is_err() {
        return Err(Failure::Refused(ConfirmRefusal::NoCode));
    }
    let Some(purpose) = purpose_of(context, caller.user, which).await? else {
        return Err(Failure::Refused(ConfirmRefusal::Expired));
    };
    let effect = match purpose {
        OwnPurpose::StepUp => Effect::new("step_up", move |tx| step_up(tx, caller.session)),
        OwnPurpose::VerifyPhone => Effect::new("verify_phone", move |tx| verify_phone(tx, caller.user)),
        OwnPurpose::VerifyEmail => proof::verify_email(&context.keys.identifier, caller.user, Some(caller.session)),
    };
    match context.otp.verify(call_context, caller.user, purpose.into(), typed, effect).await? {
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

/// Renews the session's time of authentication.
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
    tx.record(event, AuditRecord::done(AuthAction::VerifyPhone, id))?;
    Ok(())
}
