//! Logout: ends one session. The answer is the same if the session has already ended.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{AuthContext, authenticate, writes::end_one_session};
use crate::{
    crypto::refresh_token::RefreshToken,
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, actions::AuthAction},
    },
    persistence::{Tx, TxFault, tables::session},
    supervision::Command,
    types::{Call, Failure, Fault, Secret, id::SessionId, limits},
};

/// Ends a session; see `Auth::session_named_by`.
#[derive(Debug, Clone, Copy)]
pub struct Logout {
    pub session: SessionId,
}

/// The tokens that a client sends to log out; none of them is verified yet.
#[derive(Debug, Clone)]
pub struct LogoutTokens {
    /// The access token of the request.
    pub bearer: Option<Secret>,
    pub refresh: Option<Secret>,
}

impl Command<AuthContext> for Logout {
    type Answer = ();
    type Refusal = Infallible;
    const KIND: &'static str = "logout";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<Infallible>> {
        let write = context.write(&call).reclaim();
        Ok(context.store.write(write, move |tx| commit(tx, self.session)).await?)
    }
}

fn commit(tx: &mut Tx<'_>, ended: SessionId) -> Result<(), TxFault> {
    let Some(found) = session::find(tx, ended)? else { return Ok(()) };
    let entry = AuditRecord::done(AuthAction::Logout, found.user);
    end_one_session(tx, &found, SessionEnd::LoggedOut, entry)
}

/// The session of the bearer token or, if it is not valid, of the refresh token. Reads the store.
pub(super) async fn session_named_by(context: &AuthContext, tokens: &LogoutTokens) -> Result<Option<SessionId>, Fault> {
    let by_bearer = tokens.bearer.as_ref().and_then(|bearer| authenticate::session_of(context, bearer));
    match (by_bearer, &tokens.refresh) {
        (Some(session), _) => Ok(Some(session)),
        (None, Some(refresh)) => session_of_refresh(context, refresh).await,
        (None, None) => Ok(None),
    }
}

/// The session of an authentic refresh token.
async fn session_of_refresh(context: &AuthContext, text: &Secret) -> Result<Option<SessionId>, Fault> {
    let Ok(token) = RefreshToken::parse(text.reveal()) else { return Ok(None) };
    let found = context.store.read(move |view| session::find(view, token.session)).await?;
    Ok(found.filter(|session| token.is_authentic(&session.seed)).map(|session| session.id))
}
