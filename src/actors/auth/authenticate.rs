//! Verifies a bearer token: by the signing keys, then by the stored session and user.

use std::sync::Arc;

use super::{Auth, context::AuthContext};
use crate::{
    crypto::token::{AccessClaims, TokenRefusal},
    domain::{auth::Session, user::User},
    persistence::tables::{session, user},
    types::{Failure, Principal, Secret, Timestamp, id::SessionId},
};

/// The result of a valid token.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub principal: Principal,
    pub claims: Arc<AccessClaims>,
}

/// The reason why a bearer token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticateRefusal {
    /// The token was not issued by this program, or was altered.
    Invalid,
    /// The token has expired.
    Expired,
    /// The session has ended, or the user can no longer sign in.
    SessionEnded,
}

/// The claims of a token, if this program signed it and it has not expired.
pub(super) fn claims(context: &AuthContext, token: &str, now: Timestamp) -> Result<Arc<AccessClaims>, TokenRefusal> {
    if let Some(claims) = context.verified.get(token, now) {
        claims.check_times(now)?;
        return Ok(claims);
    }
    let claims = Arc::new(context.signing().verify(token, &context.expected, now)?);
    let expires = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
    context.verified.insert(token, Arc::clone(&claims), expires);
    Ok(claims)
}

/// The session of a bearer token, which may have ended.
pub(super) fn session_of(context: &AuthContext, token: &Secret) -> Option<SessionId> {
    claims(context, token.reveal(), context.system.clock().now()).ok().map(|claims| claims.sid)
}

/// Verifies `token` by a read of the store, without a mailbox.
pub(super) async fn run(auth: &Auth, token: &str) -> Result<Authenticated, Failure<AuthenticateRefusal>> {
    let context = auth.context();
    let now = context.system.clock().now();
    let claims = claims(context, token, now).map_err(|refusal| match refusal {
        // The answer to both is a refresh, after which the session has a token of the present time.
        TokenRefusal::Expired | TokenRefusal::NotYet => Failure::Refused(AuthenticateRefusal::Expired),
        _made_up => Failure::Refused(AuthenticateRefusal::Invalid),
    })?;
    let (sid, sub) = (claims.sid, claims.sub);
    let found = context.store.read(move |view| {
        let Some(session) = session::find(view, sid)? else { return Ok(None) };
        Ok(user::find(view, sub)?.map(|user| (session, user)))
    });
    let found = found.await?;
    let Some((session, user)) = found.filter(|(session, user)| is_valid(context, (session, user), &claims, now)) else {
        return Err(Failure::Refused(AuthenticateRefusal::SessionEnded));
    };
    if session.refresh.mark_used(claims.generation, now).is_some() {
        context.first_uses.note(session.id, claims.generation);
    }
    let principal = Principal {
        user: user.id,
        session: session.id,
        generation: claims.generation,
        roles: user.roles.clone(),
        auth_time: session.auth_time,
    };
    Ok(Authenticated { principal, claims })
}

fn is_valid(context: &AuthContext, (session, user): (&Session, &User), claims: &AccessClaims, now: Timestamp) -> bool {
    session.user == claims.sub && session.is_live(now) && user.may_enter(now, context.address_rule)
}
