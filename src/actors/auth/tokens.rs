//! What a signed-in device is given.

use std::time::Duration;

use crate::types::{
    Secret,
    id::{SessionId, UserId},
};

/// Access and refresh token of one session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token, a JWT by RFC 9068.
    pub access: Secret,
    /// How long it is good for.
    pub expires_in: Duration,
    /// The refresh token.
    pub refresh: Secret,
    /// How long it is good for, unless it is used before.
    pub refresh_expires_in: Duration,
    /// Whose.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}
