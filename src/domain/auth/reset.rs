//! A request for a new password, and the number of code tries it allows.

use serde::{Deserialize, Serialize};

use crate::types::{
    EmailAddress, Timestamp,
    id::{ResetId, UserId},
};

/// A reset request. It is created for every given address, known or not, so that clients cannot distinguish the two.
///
/// Code tries that give only an address are counted in a request too: one per day and address, whose id is derived
/// from the address and never sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetRequest {
    /// The id of the request.
    pub id: ResetId,
    pub email: EmailAddress,
    /// The user or registration whose password the code sets, found when the request is made: later registrations of
    /// the address change nothing. `None`: the address was unknown, or the request only counts the tries of a day.
    pub owner: Option<UserId>,
    /// The number of code tries left.
    pub tries_left: u8,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl ResetRequest {
    /// The request after one more code try at `now`; `None`: no try is left, or it has expired.
    pub fn tried(&self, now: Timestamp) -> Option<Self> {
        let tries_left = self.tries_left.checked_sub(1)?;
        (now < self.expires_at).then(|| Self { tries_left, ..self.clone() })
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self {
            created_at: self.created_at.min(now),
            expires_at: self.created_at.end_by(self.expires_at, now),
            ..self.clone()
        }
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
