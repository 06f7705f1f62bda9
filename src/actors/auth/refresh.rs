//! Refresh: exchanges a refresh token for the next one, by the rule of `domain/auth/refresh.rs`.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, tokens::Tokens, writes::end_one_session};
use crate::{
    config,
    crypto::refresh_token::RefreshToken,
    domain::{
        audit::AuditRecord,
        auth::{Session, SessionEnd, actions::AuthAction, events::SessionRefreshed, refresh::Presented},
        event::{Event, Personal},
        user::{AddressRule, User},
    },
    persistence::{
        Decision, Tx, TxFault, refuse, refuse_and_keep,
        tables::{session, user},
    },
    supervision::Command,
    types::{Call, Failure, Secret, limits},
};

/// Exchanges a refresh token.
#[derive(Debug, Clone)]
pub struct Refresh {
    pub token: Secret,
}

/// The reason why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// The token was not issued by this program, or was altered. Changes nothing.
    Invalid,
    /// The session has ended, this reuse of the token ends it, or the user can no longer sign in.
    SessionEnded,
}

impl Command<AuthContext> for Refresh {
    type Answer = Tokens;
    type Refusal = RefreshRefusal;
    const KIND: &'static str = "refresh";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<Tokens, Failure<RefreshRefusal>> {
        let Ok(token) = RefreshToken::parse(self.token.reveal()) else {
            return Err(Failure::Refused(RefreshRefusal::Invalid));
        };
        let rules = RefreshRules {
            session: context.settings.session.clone(),
            address: context.address_rule,
            are_recorded: context.refreshes_are_recorded,
        };
        let write = context.write(&call);
        let (owner, session) = context.store.decide(write, move |tx| commit(tx, &token, &rules)).await?;
        Ok(context.tokens(&owner, &session)?)
    }
}

/// The settings for the transaction of a refresh.
struct RefreshRules {
    session: config::SessionConfig,
    address: AddressRule,
    /// Whether an ordinary refresh writes an event and an audit entry. Devices refresh every few minutes, so these
    /// would be the larger part of both logs.
    are_recorded: bool,
}

fn commit(tx: &mut Tx<'_>, token: &RefreshToken, rules: &RefreshRules) -> Decision<(User, Session), RefreshRefusal> {
    let Some(held) = session::find(tx, token.session)? else { return refuse(RefreshRefusal::SessionEnded) };
    if !token.is_authentic(&held.seed) {
        return refuse(RefreshRefusal::Invalid);
    }
    let now = tx.now();
    let owner = user::find(tx, held.user)?.filter(|owner| owner.may_enter(now, rules.address));
    let Some(owner) = owner.filter(|_| held.is_live(now)) else { return refuse(RefreshRefusal::SessionEnded) };
    match held.refresh.present(token.generation, now, rules.session.reuse_grace) {
        (Presented::Rotated { next }, state) => {
            let rotated = Session {
                refresh: state,
                last_used_at: now,
                idle_until: now.plus(rules.session.sliding),
                ip_address: tx.context().client.map(|address| address.to_canonical().to_string()),
                ..held
            };
            session::update(tx, &rotated)?;
            if rules.are_recorded {
                record(tx, &rotated, next)?;
            }
            Ok((owner, rotated))
        }
        (Presented::Repeated { next }, state) => {
            let mut repeated = Session { refresh: state, ..held };
            session::update(tx, &repeated)?;
            repeated.refresh.generation = next;
            Ok((owner, repeated))
        }
        (Presented::Reused(_), _) => {
            end_one_session(tx, &held, SessionEnd::ReuseDetected, entry(AuthAction::ReuseDetected, &held))?;
            refuse_and_keep(RefreshRefusal::SessionEnded)
        }
    }
}

fn record(tx: &mut Tx<'_>, rotated: &Session, generation: u32) -> Result<(), TxFault> {
    let kind = SessionRefreshed { user: rotated.user, session: rotated.id, generation }.into();
    let event = Event { subject: rotated.user, kind, personal: Personal::default() };
    tx.record(event, entry(AuthAction::Refresh, rotated))?;
    Ok(())
}

fn entry(action: AuthAction, session: &Session) -> AuditRecord {
    AuditRecord::done(action, session.user).detail(format!("session={}", session.id))
}
