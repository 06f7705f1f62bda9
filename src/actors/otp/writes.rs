//! Writes to codes. Each function writes the record with its event and its audit entry, so that no caller can omit one
//! of them.

use super::issue::Issued;
use crate::{
    crypto::code::CodeDigits,
    domain::{
        audit::AuditRecord,
        auth::AddressState,
        event::{Event, Personal},
        otp::{
            CodeDemand, CodeLimits, CodePurpose, CodeStage, FreshCode, Issue, OneTimeCode,
            actions::OtpAction,
            events::{OtpExpired, OtpFailed, OtpPasswordReset, OtpVerificationRequired, OtpVerified},
            issue, resend_at,
        },
    },
    persistence::{
        Tx, TxFault,
        tables::{code, registration, timing_padding, user},
    },
    types::{CodeLength, id::UserId},
};

/// Issues a code for `owner` and `purpose`, or sends the valid one again, if `limits` allow it; the event states the
/// address. A call that sends nothing costs the same.
pub(crate) fn issue_code(
    tx: &mut Tx<'_>,
    (owner, purpose): (UserId, CodePurpose),
    limits: &CodeLimits,
) -> Result<Issued, TxFault> {
    let Some(recipient) = recipient_of(tx, owner, purpose)? else {
        timing_padding::leave(tx)?;
        return Ok(Issued::NoOwner);
    };
    let existing = code::find(tx, owner, purpose)?;
    let fresh = draw(tx, limits.length);
    let demand = CodeDemand { owner, purpose, network: tx.context().network() };
    let (sent, entry) = match issue(existing.as_ref(), demand, fresh, tx.now(), limits) {
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
    }
    Ok(Issued::Sent { code: sent.id, expires_at: sent.expires_at, resend_at: resend_at(&sent, limits) })
}

/// The code against which a try for the registration of a taken address is checked. It dates from the registration,
/// like the code of a free address, and is not sent. `None`: the owner is no such registration.
pub(super) fn decoy_code(
    tx: &mut Tx<'_>,
    owner: UserId,
    purpose: CodePurpose,
    limits: &CodeLimits,
) -> Result<Option<OneTimeCode>, TxFault> {
    let Some(CodeRecipient::Decoy) = recipient_of(tx, owner, purpose)? else { return Ok(None) };
    let Some(waiting) = registration::find(tx, owner)? else { return Ok(None) };
    let demand = CodeDemand { owner, purpose, network: tx.context().network() };
    let fresh = draw(tx, limits.length);
    match issue(None, demand, fresh, waiting.created_at, limits) {
        Issue::Drawn(code) => Ok(Some(code)),
        Issue::SentAgain(_) | Issue::Wait { .. } => Ok(None),
    }
}

/// Ends a due code. A valid one becomes void with an event, and its record stays for the limits on sending; any other
/// one is removed.
pub(crate) fn end_code(tx: &mut Tx<'_>, over: &OneTimeCode) -> Result<(), TxFault> {
    match over.state {
        CodeStage::Used | CodeStage::Void => code::remove(tx, over.owner, over.purpose),
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
    let detail = format!("purpose={} attempts_left={attempts_left}", purpose.as_str());
    let entry = AuditRecord::refused(OtpAction::CodeRefused, owner).detail(detail);
    tx.record(Event { subject: owner, kind, personal: Personal::default() }, entry)?;
    Ok(())
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
    let waiting = registration::find(tx, owner)?.filter(|found| found.is_live(tx.now()));
    Ok(waiting.map(|found| match found.address {
        AddressState::Free => CodeRecipient::Address(found.email.as_str().to_owned()),
        AddressState::Taken => CodeRecipient::Decoy,
    }))
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
