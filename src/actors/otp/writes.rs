//! Writes to codes. Each function writes the record with its event and its audit entry, so that no caller can omit one
//! of them.

use super::issue::{CodeOrder, Issued};
use crate::{
    crypto::code::CodeDigits,
    domain::{
        audit::AuditRecord,
        auth::{AddressState, Registration},
        event::{Event, Personal},
        otp::{
            CodeDemand, CodeLimits, CodePurpose, CodeSending, CodeStage, FreshCode, Issue, OneTimeCode,
            actions::OtpAction,
            events::{
                OtpExpired, OtpFailed, OtpPasswordReset, OtpResetUnmatched, OtpVerificationRequired, OtpVerified,
            },
            issue, resend_at,
        },
    },
    persistence::{
        Tx, TxFault, persons,
        tables::{code, registration, timing_padding, user},
    },
    types::{
        CodeLength,
        id::{CodeId, UserId},
    },
};

/// Issues a code for `owner` and `purpose`, or sends the valid one again, if `limits` allow it; the event states the
/// address. A call that sends nothing costs the same.
pub(crate) fn issue_code(
    tx: &mut Tx<'_>,
    (owner, purpose): (UserId, CodePurpose),
    order: &CodeOrder,
    limits: &CodeLimits,
) -> Result<Issued, TxFault> {
    let recipient = match order {
        CodeOrder::Event(_) | CodeOrder::Asked | CodeOrder::Administrator => recipient_of(tx, owner, purpose)?,
        CodeOrder::Unmatched(_) => Some(CodeRecipient::Unknown),
    };
    let Some(recipient) = recipient else {
        timing_padding::leave(tx)?;
        return Ok(Issued::NoOwner);
    };
    let existing = code::find(tx, owner, purpose)?;
    let fresh = draw(tx, limits.length);
    let demand = CodeDemand { owner, purpose, network: tx.context().network() };
    let issued = match (existing, order) {
        (Some(drawn), CodeOrder::Event(_)) if is_unsent(&drawn) => {
            let sendings = vec![CodeSending { at: tx.now(), network: demand.network }];
            Issue::Drawn(OneTimeCode { sendings, ..drawn })
        }
        (existing, _) => issue(existing.as_ref(), demand, fresh, tx.now(), limits),
    };
    let (sent, entry) = match issued {
        Issue::Drawn(sent) => (sent, None),
        Issue::SentAgain(sent) => {
            let entry = AuditRecord::done(OtpAction::ResendCode, owner);
            (sent, Some(entry.detail(format!("purpose={}", purpose.as_str()))))
        }
        Issue::Wait { until } => {
            timing_padding::leave(tx)?;
            return Ok(Issued::Wait { until });
        }
    };
    code::put(tx, &sent)?;
    match (recipient, entry) {
        (CodeRecipient::Address(address), Some(entry)) => {
            let event = required(tx, &sent, address);
            tx.record(event, entry)?;
        }
        (CodeRecipient::Address(address), None) => {
            let event = required(tx, &sent, address);
            tx.emit(event)?;
        }
        (CodeRecipient::Decoy, entry) => {
            timing_padding::leave(tx)?;
            entry.map(|entry| tx.audit(entry)).transpose()?;
        }
        (CodeRecipient::Unknown, entry) => {
            let kind = OtpResetUnmatched { code: sent.id, expires_at: sent.expires_at }.into();
            let event = Event { subject: owner, kind, personal: Personal::of_call(tx.context()) };
            tx.emit(event)?;
            // The audit entry has no subject, as that of the request.
            entry.map(|entry| tx.audit(AuditRecord { subject: None, ..entry })).transpose()?;
        }
    }
    Ok(Issued::Sent { code: sent.id, expires_at: sent.expires_at, resend_at: resend_at(&sent, limits) })
}

/// The code against which a try for a registration without a code is checked: for one of a taken address, which is
/// sent none, and for one whose event is not handled yet, so that both count. It dates from the registration. A free
/// registration's event sends it, if the try stores it. `None`: the owner is no such registration.
pub(super) fn code_before_issue(
    tx: &mut Tx<'_>,
    owner: UserId,
    purpose: CodePurpose,
    limits: &CodeLimits,
) -> Result<Option<OneTimeCode>, TxFault> {
    match purpose {
        CodePurpose::VerifyEmail if user::find(tx, owner)?.is_none() => {}
        CodePurpose::VerifyEmail | CodePurpose::VerifyPhone | CodePurpose::ResetPassword | CodePurpose::StepUp => {
            return Ok(None);
        }
    }
    let Some(waiting) = live_registration(tx, owner)? else { return Ok(None) };
    let demand = CodeDemand { owner, purpose, network: tx.context().network() };
    let fresh = FreshCode { id: unsent_id(owner), ..draw(tx, limits.length) };
    match issue(None, demand, fresh, waiting.created_at, limits) {
        Issue::Drawn(code) => Ok(Some(code)),
        Issue::SentAgain(_) | Issue::Wait { .. } => Ok(None),
    }
}

/// The id of a code that a try has drawn before the event of its registration was handled.
fn unsent_id(owner: UserId) -> CodeId {
    CodeId::from(owner.uuid())
}

/// Whether a try has drawn the code, and it was not sent since.
fn is_unsent(code: &OneTimeCode) -> bool {
    code.id == unsent_id(code.owner) && code.sendings.len() == 1
}

/// Ends a due code. A valid one becomes void with an event, and its record stays for the limits on sending; any other
/// one is removed. With the code of an unknown address its stand-in ends, whose events can no longer be read.
pub(crate) fn end_code(tx: &mut Tx<'_>, over: &OneTimeCode) -> Result<(), TxFault> {
    match over.state {
        CodeStage::Used | CodeStage::Void => {
            code::remove(tx, over.owner, over.purpose)?;
            let is_stand_in = user::find(tx, over.owner)?.is_none() && registration::find(tx, over.owner)?.is_none();
            if is_stand_in { persons::erase(tx, over.owner) } else { Ok(()) }
        }
        CodeStage::Live => {
            code::put(tx, &OneTimeCode { state: CodeStage::Void, ..over.clone() })?;
            tx.emit(Event {
                subject: over.owner,
                kind: OtpExpired { owner: over.owner, code: over.id, purpose: over.purpose }.into(),
                personal: Personal::default(),
            })?;
            Ok(())
        }
    }
}

/// Voids the valid code of an owner for a purpose, and its link, because another change has settled the purpose. The
/// record stays for the limits on sending. No event is written; the caller records the other change.
pub(crate) fn void_code(tx: &mut Tx<'_>, owner: UserId, purpose: CodePurpose) -> Result<(), TxFault> {
    match code::find(tx, owner, purpose)? {
        Some(live) if live.state == CodeStage::Live => code::put(tx, &OneTimeCode { state: CodeStage::Void, ..live }),
        Some(_) | None => Ok(()),
    }
}

/// Ends all valid codes of an owner who can no longer sign in, as `void_code` does.
pub(crate) fn void_codes_of(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    for purpose in CodePurpose::ALL {
        void_code(tx, owner, purpose)?;
    }
    Ok(())
}

/// Removes all codes of an owner whose user or registration was replaced or removed. No event is written.
pub(crate) fn remove_codes_of(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    code::remove_all(tx, owner)
}

/// Stores a code that the right try has used.
pub(super) fn accept_code(tx: &mut Tx<'_>, used: &OneTimeCode) -> Result<(), TxFault> {
    code::put(tx, used)?;
    tx.emit(Event {
        subject: used.owner,
        kind: OtpVerified { owner: used.owner, code: used.id, purpose: used.purpose }.into(),
        personal: Personal::of_call(tx.context()),
    })?;
    Ok(())
}

/// Stores a code with a counted wrong try.
pub(super) fn count_wrong_try(tx: &mut Tx<'_>, counted: &OneTimeCode, attempts_left: u8) -> Result<(), TxFault> {
    code::put(tx, counted)?;
    let (owner, code, purpose) = (counted.owner, counted.id, counted.purpose);
    let kind = OtpFailed { owner, code, purpose, attempts_left }.into();
    let detail = refused_detail(purpose, attempts_left);
    let entry = AuditRecord::refused(OtpAction::CodeRefused, owner).detail(detail);
    tx.record(Event { subject: owner, kind, personal: Personal::default() }, entry)?;
    Ok(())
}

/// The detail of the audit entry of a refused code.
pub(super) fn refused_detail(purpose: CodePurpose, attempts_left: u8) -> String {
    format!("purpose={} attempts_left={attempts_left}", purpose.as_str())
}

/// Digits and id for a code that may be needed, from the transaction's randomness.
fn draw(tx: &mut Tx<'_>, length: CodeLength) -> FreshCode {
    let digits = CodeDigits::draw(length, || tx.random()).for_record();
    FreshCode { id: tx.id(), digits }
}

/// The recipient of a code.
enum CodeRecipient {
    /// An address or phone number.
    Address(String),
    /// No recipient: a user has the address of the registration and gets another mail. The registrant sees the same as
    /// for a code that is sent.
    Decoy,
    /// No recipient: neither a user nor a registration has the address of a request to reset a password.
    Unknown,
}

/// The recipient of a code for `purpose`; `None`: the owner has no address for it.
fn recipient_of(tx: &Tx<'_>, owner: UserId, purpose: CodePurpose) -> Result<Option<CodeRecipient>, TxFault> {
    let known = user::find(tx, owner)?;
    let address = match purpose {
        CodePurpose::VerifyEmail => match known {
            Some(user) => (!user.email_verified).then(|| user.email.as_str().to_owned()),
            None => return recipient_of_registration(tx, owner),
        },
        CodePurpose::ResetPassword => match known {
            Some(user) => Some(user.email.as_str().to_owned()),
            None => return recipient_of_registration(tx, owner),
        },
        CodePurpose::StepUp => known.map(|user| user.email.as_str().to_owned()),
        CodePurpose::VerifyPhone => known.and_then(|user| user.profile.phone).map(String::from),
    };
    Ok(address.map(CodeRecipient::Address))
}

fn recipient_of_registration(tx: &Tx<'_>, owner: UserId) -> Result<Option<CodeRecipient>, TxFault> {
    Ok(live_registration(tx, owner)?.map(|found| match found.address {
        AddressState::Free => CodeRecipient::Address(found.email.as_str().to_owned()),
        AddressState::Taken => CodeRecipient::Decoy,
    }))
}

fn live_registration(tx: &Tx<'_>, owner: UserId) -> Result<Option<Registration>, TxFault> {
    Ok(registration::find(tx, owner)?.filter(|found| found.is_live(tx.now())))
}

/// The event that starts the delivery of a code.
fn required(tx: &Tx<'_>, sent: &OneTimeCode, address: String) -> Event {
    let (owner, code, purpose, expires_at) = (sent.owner, sent.id, sent.purpose, sent.expires_at);
    let kind = match purpose {
        CodePurpose::ResetPassword => OtpPasswordReset { owner, code, expires_at }.into(),
        CodePurpose::VerifyEmail | CodePurpose::VerifyPhone | CodePurpose::StepUp => {
            OtpVerificationRequired { owner, code, purpose, expires_at }.into()
        }
    };
    let mut personal = Personal::of_call(tx.context());
    match purpose {
        CodePurpose::VerifyPhone => personal.phone = Some(address),
        CodePurpose::VerifyEmail | CodePurpose::ResetPassword | CodePurpose::StepUp => personal.email = Some(address),
    }
    Event { subject: owner, kind, personal }
}
