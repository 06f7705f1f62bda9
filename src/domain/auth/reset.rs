//! A request to set a new password: what it is for, and how often a code may be tried by it.

use serde::{Deserialize, Serialize};

use crate::types::{
    EmailAddress, Timestamp,
    id::{ResetId, UserId},
};

/// A request. Made for every address that is named, whether anybody has it or not, so that both look the same.
///
/// The tries that name only an address are counted by a request too: one a day for each address, whose id is made of
/// the address and told to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetRequest {
    /// The request.
    pub id: ResetId,
    /// The address that was named.
    pub email: EmailAddress,
    /// Whose password its code sets: found when the request is made, so that what is registered later changes nothing.
    /// `None`: no user and no registration had the address, or the request only counts the tries of a day.
    pub owner: Option<UserId>,
    /// How many more codes may be tried by it.
    pub tries_left: u8,
    /// When it was made.
    pub created_at: Timestamp,
    /// It is void then.
    pub expires_at: Timestamp,
}

impl ResetRequest {
    /// The request after one more try at `now`; `None`: there may be none.
    pub fn tried(&self, now: Timestamp) -> Option<Self> {
        let tries_left = self.tries_left.checked_sub(1)?;
        (now < self.expires_at).then(|| Self { tries_left, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_is_tried_so_often_and_so_long() {
        let minute = Duration::from_secs(60);
        let request = ResetRequest {
            id: ResetId::from(uuid::Uuid::nil()),
            email: EmailAddress::parse("ada@example.com").unwrap(),
            owner: None,
            tries_left: 2,
            created_at: Timestamp::ZERO,
            expires_at: Timestamp::ZERO.plus(minute),
        };
        assert_eq!(request.tried(Timestamp::ZERO.plus(minute)), None);
        let once = request.tried(Timestamp::ZERO).unwrap();
        let twice = once.tried(Timestamp::ZERO).unwrap();
        assert_eq!((once.tries_left, twice.tries_left), (1, 0));
        assert_eq!(twice.tried(Timestamp::ZERO), None);
    }
}
