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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::schema::records::stored;

    /// A record that the program stored before requests named their owner.
    const STORED: &str = "0100011001a3185c50007bbe8123f5b5b9a7f77a12706572736f6e406578616d706c652e636f6d04\
                          fd000031512eca0c00fd008cb7982eca0c00";

    #[test]
    fn a_request_of_before_is_read_and_has_no_owner() {
        let read: ResetRequest = stored(STORED);
        assert_eq!((read.email.as_str(), read.owner, read.tries_left), ("person@example.com", None, 4));
        assert_eq!(read.expires_at.since(read.created_at), std::time::Duration::from_secs(600));
    }
}
