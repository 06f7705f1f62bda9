//! The sessions of a user. A read of the store.

use super::AuthContext;
use crate::{
    domain::auth::Session,
    persistence::tables::session,
    types::{Fault, id::UserId},
};

/// The sessions that live, the one used last first.
pub(super) async fn list(context: &AuthContext, user: UserId) -> Result<Vec<Session>, Fault> {
    let now = context.system.clock().now();
    let mut sessions = context.store.read(move |view| session::of_user(view, user)).await?;
    sessions.retain(|session| session.is_live(now));
    sessions.sort_by_key(|session| (std::cmp::Reverse(session.last_used_at), session.id));
    Ok(sessions)
}
