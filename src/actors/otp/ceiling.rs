//! The ceilings on refused codes, checked in the transaction of a code try.

use crate::{
    domain::{
        audit::AuditRecord,
        otp::{CodeLimits, CodePurpose, RefusedCodes, actions::OtpAction},
    },
    persistence::{
        Reader, Tx, TxFault,
        tables::{
            refused_codes::{self, RefusalScope},
            registration, user,
        },
    },
    types::id::UserId,
};

/// Whether the ceilings count tries of this purpose: those of unauthenticated clients, not those of signed-in users.
pub(super) fn applies_to(purpose: CodePurpose) -> bool {
    match purpose {
        CodePurpose::VerifyEmail | CodePurpose::ResetPassword => true,
        CodePurpose::VerifyPhone | CodePurpose::StepUp => false,
    }
}

/// The domain of the owner's address; `None`: the owner does not exist.
pub(super) fn domain_of(reader: &impl Reader, owner: UserId) -> Result<Option<String>, TxFault> {
    let email = match user::find(reader, owner)? {
        Some(found) => Some(found.email),
        None => registration::find(reader, owner)?.map(|found| found.email),
    };
    Ok(email.map(|email| email.domain().to_owned()))
}

fn scopes<'a>(domain: &'a str, limits: &CodeLimits) -> [(RefusalScope<'a>, u32); 2] {
    [(RefusalScope::All, limits.refused_hourly), (RefusalScope::Domain(domain), limits.refused_hourly_by_domain)]
}

/// Whether a ceiling is reached, so that no code is accepted now.
pub(super) fn is_reached(tx: &Tx<'_>, domain: &str, limits: &CodeLimits) -> Result<bool, TxFault> {
    for (scope, most) in scopes(domain, limits) {
        let refused = refused_codes::find(tx, scope)?;
        if RefusedCodes::reached(refused.as_ref(), tx.now(), most).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts a refused code, and audits the one that reaches a ceiling.
pub(super) fn count(tx: &mut Tx<'_>, domain: &str, limits: &CodeLimits) -> Result<(), TxFault> {
    for (scope, most) in scopes(domain, limits) {
        let refused = RefusedCodes::with_another(refused_codes::find(tx, scope)?, tx.now());
        refused_codes::put(tx, scope, &refused)?;
        if refused.count == most {
            let scope = match scope {
                RefusalScope::All => "scope=installation".to_owned(),
                RefusalScope::Domain(domain) => format!("scope=domain domain={domain}"),
            };
            tx.audit(AuditRecord::done(OtpAction::CodeCeiling, None).detail(scope))?;
        }
    }
    Ok(())
}
