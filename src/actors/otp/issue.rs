//! Issuing a code: by the news of a registration or reset, or because somebody asks to have it sent again.

use std::sync::Arc;

use super::context::{OtpContext, draw};
use crate::{
    actors::relay::HandOver,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::AddressState,
        event::{Event, EventKind, Personal},
        otp::{CodePurpose, Issue, OneTimeCode, issue, resend_at},
    },
    persistence::{
        Tx, TxFault, Verdict, Write,
        tables::{code, registration, timing_padding, user},
    },
    types::{
        Call, Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// A code is on its way.
    Sent {
        /// The id of this issue.
        code: CodeId,
        /// When it runs out.
        expires_at: Timestamp,
        /// From when on it may be sent again.
        resend_at: Timestamp,
    },
    /// Nothing is sent now.
    Wait {
        /// When asking again makes sense.
        until: Timestamp,
    },
    /// The owner has no address to send to: it is gone, or never was.
    Nobody,
}

/// Who or what asks for the code.
#[derive(Debug, Clone)]
pub enum CodeOrder {
    /// An event; the delivery is settled in the same commit.
    Event(Box<HandOver>),
    /// Somebody who may or may not be the owner.
    Asked,
}

pub(super) async fn run(
    context: &Arc<OtpContext>,
    call: &Call,
    (owner, purpose): (UserId, CodePurpose),
    order: CodeOrder,
) -> Result<Issued, Fault> {
    let limits = context.limits;
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()), move |tx| {
            if let CodeOrder::Event(hand_over) = &order
                && !hand_over.settle(tx)?
            {
                return Ok(Verdict::Discard(Issued::Nobody));
            }
            let Some(address) = address_of(tx, owner, purpose)? else {
                timing_padding::leave(tx)?;
                return Ok(Verdict::Commit(Issued::Nobody));
            };
            let existing = code::find(tx, owner, purpose)?;
            let fresh = draw(tx);
            let now = tx.now();
            let sent = match issue(existing.as_ref(), (owner, purpose), fresh, now, &limits) {
                Issue::Drawn(sent) => sent,
                Issue::SentAgain(sent) => {
                    note_again(tx, &sent)?;
                    sent
                }
                Issue::Wait { until } => {
                    timing_padding::leave(tx)?;
                    return Ok(Verdict::Commit(Issued::Wait { until }));
                }
            };
            code::put(tx, &sent)?;
            tell(tx, &sent, address)?;
            Ok(Verdict::Commit(Issued::Sent {
                code: sent.id,
                expires_at: sent.expires_at,
                resend_at: resend_at(&sent, &limits),
            }))
        })
        .await
}

/// Where a code of that purpose goes; `None`: nowhere. An address that was taken when it was registered gets no code,
/// its owner hears of it otherwise.
fn address_of(tx: &Tx<'_>, owner: UserId, purpose: CodePurpose) -> Result<Option<String>, TxFault> {
    let known = user::find(tx, owner)?;
    match purpose {
        CodePurpose::VerifyEmail => match known {
            Some(user) => Ok((!user.email_verified).then(|| user.email.as_str().to_owned())),
            None => unproven_address(tx, owner),
        },
        CodePurpose::ResetPassword => match known {
            Some(user) => Ok(Some(user.email.as_str().to_owned())),
            None => unproven_address(tx, owner),
        },
        CodePurpose::StepUp => Ok(known.map(|user| user.email.as_str().to_owned())),
        CodePurpose::VerifyPhone => Ok(known.and_then(|user| user.phone).map(String::from)),
    }
}

/// The address of a registration that a code can turn into a user.
fn unproven_address(tx: &Tx<'_>, owner: UserId) -> Result<Option<String>, TxFault> {
    let waiting = registration::find(tx, owner)?.filter(|found| found.is_live(tx.now()));
    let free = waiting.filter(|found| found.address == AddressState::Free);
    Ok(free.map(|found| found.email.as_str().to_owned()))
}

fn note_again(tx: &mut Tx<'_>, sent: &OneTimeCode) -> Result<(), TxFault> {
    tx.audit(AuditRecord {
        action: AuditAction::ResendCode,
        result: AuditResult::Done,
        subject: Some(sent.owner),
        detail: format!("purpose={}", sent.purpose.as_str()),
    })
}

fn tell(tx: &mut Tx<'_>, sent: &OneTimeCode, address: String) -> Result<(), TxFault> {
    let (owner, code, purpose, expires_at) = (sent.owner, sent.id, sent.purpose, sent.expires_at);
    let kind = match purpose {
        CodePurpose::ResetPassword => EventKind::OtpPasswordReset { owner, code, expires_at },
        CodePurpose::VerifyEmail | CodePurpose::VerifyPhone | CodePurpose::StepUp => {
            EventKind::OtpVerificationRequired { owner, code, purpose, expires_at }
        }
    };
    let mut personal = Personal::of_call(tx.context());
    match purpose {
        CodePurpose::VerifyPhone => personal.phone = Some(address),
        CodePurpose::VerifyEmail | CodePurpose::ResetPassword | CodePurpose::StepUp => personal.email = Some(address),
    }
    tx.emit(Event { subject: owner, kind, personal })?;
    Ok(())
}
