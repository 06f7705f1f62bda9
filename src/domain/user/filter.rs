//! The filter of a list of users.

use super::{Status, User};
use crate::types::{EmailAddress, Role};

/// A user must match every condition that is set. Without conditions every user matches.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// The user has this address, compared in its normal form.
    pub email: Option<EmailAddress>,
    /// The user has this role.
    pub role: Option<Role>,
    /// The user has this status.
    pub status: Option<Status>,
}

impl UserFilter {
    /// Whether the list contains `user`.
    pub fn shows(&self, user: &User) -> bool {
        self.email.as_ref().is_none_or(|email| email.normal() == user.email.normal())
            && self.role.is_none_or(|role| user.roles.has(role))
            && self.status.is_none_or(|status| user.status == status)
    }
}
