//! A request to set a new password, as it was before it named its owner.

use serde::Deserialize;

use crate::{
    domain::auth::ResetRequest,
    types::{EmailAddress, Timestamp, id::ResetId},
};

/// Schema 1.
#[derive(Deserialize)]
pub(in crate::persistence::schema) struct ResetRequestV1 {
    id: ResetId,
    email: EmailAddress,
    tries_left: u8,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl From<ResetRequestV1> for ResetRequest {
    /// A request without an owner sets no password; it lasts as long as its code, ten minutes by default.
    fn from(before: ResetRequestV1) -> Self {
        let ResetRequestV1 { id, email, tries_left, created_at, expires_at } = before;
        Self { id, email, owner: None, tries_left, created_at, expires_at }
    }
}
