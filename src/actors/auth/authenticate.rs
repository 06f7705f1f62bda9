//! Who a bearer token proves: checked against the keys, then against the session and the user as they are now.

use std::sync::Arc;

use super::{Auth, Call, context::AuthContext};
use crate::{
    crypto::token::{AccessClaims, TokenRefusal},
    domain::{auth::Session, user::User},
    persistence::{
        Verdict,
        tables::{session, user},
    },
    types::{Fault, Principal, Secret, Timestamp, id::SessionId},
};

/// A token that proved who its bearer is.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who.
    pub principal: Principal,
    /// The token's claims.
    pub claims: Arc<AccessClaims>,
    /// The user, as stored.
    pub user: User,
}

/// Why a bearer token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticateRefusal {
    /// Not a token of this server, or damaged.
    Invalid,
    /// Its time is over.
    Expired,
    /// The session has ended, or the user may not enter any more.
    SessionEnded,
}

/// What a token says of itself, if it is ours and its time is not over.
pub(super) fn claims(context: &AuthContext, token: &str, now: Timestamp) -> Result<Arc<AccessClaims>, TokenRefusal> {
    if let Some(claims) = context.verified.get(token, now) {
        return Ok(claims);
    }
    let claims = Arc::new(context.signing().verify(token, &context.expected, now)?);
    let expires = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
    context.verified.insert(token, Arc::clone(&claims), expires);
    Ok(claims)
}

/// The session a bearer token belongs to, whether or not it is still there.
pub(super) fn session_of(context: &AuthContext, token: &Secret) -> Option<SessionId> {
    claims(context, token.reveal(), context.system.clock().now()).ok().map(|claims| claims.sid)
}

/// A read of the store; takes no place in any mailbox.
pub(super) fn run(auth: &Auth, token: &str) -> Result<Result<Authenticated, AuthenticateRefusal>, Fault> {
    let context = &auth.context;
    let now = context.system.clock().now();
    let claims = match claims(context, token, now) {
        Ok(claims) => claims,
        Err(TokenRefusal::Expired) => return Ok(Err(AuthenticateRefusal::Expired)),
        Err(_made_up) => return Ok(Err(AuthenticateRefusal::Invalid)),
    };
    let found = context.store.read(|view| {
        let Some(session) = session::find(view, claims.sid)? else { return Ok(None) };
        Ok(user::find(view, claims.sub)?.map(|user| (session, user)))
    })?;
    let Some((session, user)) = found.filter(|(session, user)| stands(&auth.context, (session, user), &claims, now))
    else {
        return Ok(Err(AuthenticateRefusal::SessionEnded));
    };
    if session.refresh.mark_used(claims.generation, now).is_some() {
        auth.mark_used(session.id, claims.generation);
    }
    let principal = Principal {
        user: user.id,
        session: session.id,
        generation: claims.generation,
        roles: user.roles.clone(),
        auth_time: session.auth_time,
    };
    Ok(Ok(Authenticated { principal, claims, user }))
}

fn stands(context: &AuthContext, (session, user): (&Session, &User), claims: &AccessClaims, now: Timestamp) -> bool {
    session.user == claims.sub && session.is_live(now) && user.may_enter(now, context.address_rule)
}

/// Notes that an access token of the current generation was seen: its refresh token's predecessor may from now on be
/// repeated for the grace only.
pub(super) async fn mark_used(
    context: &AuthContext,
    call: &Call,
    session: SessionId,
    generation: u32,
) -> Result<(), Fault> {
    context
        .store
        .old_write(context.write(call).reclaim(), move |tx| {
            let Some(found) = session::find(tx, session)? else { return Ok(Verdict::Discard(())) };
            let Some(marked) = found.refresh.mark_used(generation, tx.now()) else { return Ok(Verdict::Discard(())) };
            session::update(tx, &Session { refresh: marked, ..found })?;
            Ok(Verdict::Commit(()))
        })
        .await
}
