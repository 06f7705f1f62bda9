//! Which users a list shows.

use super::{Status, User};
use crate::types::{EmailAddress, Role};

/// All that is said must hold; nothing said lets everybody through.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Who has this address, by its normal form.
    pub email: Option<EmailAddress>,
    /// Who holds this role.
    pub role: Option<Role>,
    /// Whose status is this.
    pub status: Option<Status>,
}

impl UserFilter {
    /// Whether the list shows `user`.
    pub fn shows(&self, user: &User) -> bool {
        self.email.as_ref().is_none_or(|email| email.normal() == user.email.normal())
            && self.role.is_none_or(|role| user.roles.has(role))
            && self.status.is_none_or(|status| user.status == status)
    }
}
