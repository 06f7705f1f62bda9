//! The tokens of a signed-in device.

use std::time::Duration;

use crate::types::{
    Secret,
    id::{SessionId, UserId},
};

/// The access and refresh token of one session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// A JWT by RFC 9068.
    pub access: Secret,
    /// The validity of the access token.
    pub expires_in: Duration,
    pub refresh: Secret,
    /// The validity of an unused refresh token.
    pub refresh_expires_in: Duration,
    pub user: UserId,
    pub session: SessionId,
}
