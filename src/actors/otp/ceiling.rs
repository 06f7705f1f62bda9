//! The ceilings on refused codes, checked in the transaction of a code try.

use crate::{
    domain::{
        audit::AuditRecord,
        otp::{CodeLimits, NetworkRefusedCodes, RefusedCodes, actions::OtpAction},
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

/// Whether no code is accepted now: a ceiling is reached, or the caller's network has caused its share of one.
pub(super) fn is_reached(tx: &Tx<'_>, domain: &str, limits: &CodeLimits) -> Result<bool, TxFault> {
    let network = tx.context().network();
    for (scope, most) in scopes(domain, limits) {
        let Some(refused) = RefusedCodes::current(refused_codes::find(tx, scope)?, tx.now()) else { continue };
        let caused = refused_codes::of_network(tx, (scope, &refused), network)?;
        if refused.count >= most || caused.count >= NetworkRefusedCodes::share_of(most) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts a refused code, and audits the one that reaches a ceiling or the network's share of one.
pub(super) fn count(tx: &mut Tx<'_>, domain: &str, limits: &CodeLimits) -> Result<(), TxFault> {
    let network = tx.context().network();
    for (scope, most) in scopes(domain, limits) {
        let refused = RefusedCodes::with_another(refused_codes::find(tx, scope)?, tx.now());
        refused_codes::put(tx, scope, &refused)?;
        let before = refused_codes::of_network(tx, (scope, &refused), network)?;
        let caused = NetworkRefusedCodes { count: before.count.saturating_add(1) };
        refused_codes::put_of_network(tx, (scope, &refused), (network, &caused))?;
        let named = match scope {
            RefusalScope::All => "scope=installation".to_owned(),
            RefusalScope::Domain(domain) => format!("scope=domain domain={domain}"),
        };
        if caused.count == NetworkRefusedCodes::share_of(most) {
            tx.audit(AuditRecord::done(OtpAction::CodeCeiling, None).detail(format!("{named} share=network")))?;
        }
        if refused.count == most {
            tx.audit(AuditRecord::done(OtpAction::CodeCeiling, None).detail(named))?;
        }
    }
    Ok(())
}
