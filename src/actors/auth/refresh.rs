//! Refresh: using a refresh token gives the next one, by the rule of `domain/auth/refresh.rs`.

use std::sync::Arc;

use super::{AuthContext, Call, logout, tokens::Tokens};
use crate::{
    crypto::refresh_token::RefreshToken,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd, refresh::Presented},
        event::{Event, EventKind, Personal},
        user::User,
    },
    persistence::{
        Tx, TxFault, Verdict,
        tables::{session, user},
    },
    types::{Fault, Secret},
};

/// Why a refresh token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// Not a token of this server: made up, or damaged. Changes nothing.
    Invalid,
    /// Its session has ended, was ended by this very repeat, or its user may not enter any more.
    SessionEnded,
}

/// What the transaction found.
enum RefreshFound {
    Refreshed(Box<(User, Session)>),
    Refused(RefreshRefusal),
}

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    text: Secret,
) -> Result<Result<Tokens, RefreshRefusal>, Fault> {
    let Ok(token) = RefreshToken::parse(text.reveal()) else { return Ok(Err(RefreshRefusal::Invalid)) };
    let (settings, rule) = (context.settings.session.clone(), context.address_rule);
    let found = context
        .store
        .old_write(context.write(&call).reclaim(), move |tx| {
            let Some(held) = session::find(tx, token.session)? else {
                return Ok(Verdict::Discard(RefreshFound::Refused(RefreshRefusal::SessionEnded)));
            };
            if !token.is_authentic(&held.seed) {
                return Ok(Verdict::Discard(RefreshFound::Refused(RefreshRefusal::Invalid)));
            }
            let now = tx.now();
            let owner = user::find(tx, held.user)?.filter(|owner| owner.may_enter(now, rule));
            let Some(owner) = owner.filter(|_| held.is_live(now)) else {
                return Ok(Verdict::Discard(RefreshFound::Refused(RefreshRefusal::SessionEnded)));
            };
            match held.refresh.present(token.generation, now, settings.reuse_grace) {
                (Presented::Rotated { next }, state) => {
                    let rotated = Session {
                        refresh: state,
                        last_used_at: now,
                        idle_until: now.plus(settings.sliding),
                        ip_address: tx.context().client.map(|address| address.to_canonical().to_string()),
                        ..held
                    };
                    session::update(tx, &rotated)?;
                    tell(tx, &rotated, next)?;
                    Ok(Verdict::Commit(RefreshFound::Refreshed(Box::new((owner, rotated)))))
                }
                (Presented::Repeated { next }, state) => {
                    let mut repeated = Session { refresh: state, ..held };
                    session::update(tx, &repeated)?;
                    repeated.refresh.generation = next;
                    Ok(Verdict::Commit(RefreshFound::Refreshed(Box::new((owner, repeated)))))
                }
                (Presented::Reused(_), _) => {
                    logout::end(tx, &held, SessionEnd::ReuseDetected)?;
                    audit(tx, AuditAction::ReuseDetected, &held)?;
                    Ok(Verdict::Commit(RefreshFound::Refused(RefreshRefusal::SessionEnded)))
                }
            }
        })
        .await?;
    match found {
        RefreshFound::Refused(refusal) => Ok(Err(refusal)),
        RefreshFound::Refreshed(fresh) => context.tokens(&fresh.0, &fresh.1).map(Ok),
    }
}

fn tell(tx: &mut Tx<'_>, rotated: &Session, generation: u32) -> Result<(), TxFault> {
    tx.emit(Event {
        subject: rotated.user,
        kind: EventKind::SessionRefreshed { user: rotated.user, session: rotated.id, generation },
        personal: Personal::of_call(tx.context()),
    })?;
    audit(tx, AuditAction::Refresh, rotated)
}

fn audit(tx: &mut Tx<'_>, action: AuditAction, session: &Session) -> Result<(), TxFault> {
    tx.audit(AuditRecord {
        action,
        result: AuditResult::Done,
        subject: Some(session.user),
        detail: format!("session={}", session.id),
    })
}
