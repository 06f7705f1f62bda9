//! Lists the sessions of a user. Reads the store.

use super::AuthContext;
use crate::{
    domain::auth::Session,
    persistence::tables::session,
    types::{Fault, id::UserId},
};

/// The valid sessions, the last used one first.
pub(super) async fn list(context: &AuthContext, user: UserId) -> Result<Vec<Session>, Fault> {
    let now = context.system.clock().now();
    let mut sessions = context.store.read(move |view| session::of_user(view, user)).await?;
    sessions.retain(|session| session.is_live(now));
    sessions.sort_by_key(|session| (std::cmp::Reverse(session.last_used_at), session.id));
    Ok(sessions)
}
