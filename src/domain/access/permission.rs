//! The one table from roles to permissions.

use crate::types::{Role, Roles};

/// What a route may require. Own data needs only `UseOwnAccount`; the other permissions reach beyond the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read and change the caller's own user, sessions, password, codes.
    UseOwnAccount,
    /// Read any user, with sessions and activity.
    ReadUsers,
    /// Create, change and delete users.
    ManageUsers,
    /// Lock, disable and enable users.
    ManageUserStatus,
    /// Grant and remove roles.
    ManageRoles,
    /// End sessions of other users.
    EndSessions,
    /// Read, verify and export the audit log.
    ReadAudit,
    /// Read events, subscribers and dead letters.
    ReadEvents,
    /// Requeue and discard dead letters.
    ManageDeadLetters,
    /// Read the actors, the store and health in detail.
    ReadOperations,
    /// Restart actors, set log levels, create snapshots.
    Operate,
    /// Read the accounts, transactions and payments of any user.
    ReadMoney,
    /// Move money of other users, freeze and close accounts, settle payments.
    ManageMoney,
    /// Send notifications to users.
    SendNotifications,
    /// Read notifications to other users.
    ReadNotifications,
    /// Write and publish templates.
    ManageTemplates,
    /// Manage webhook endpoints.
    ManageWebhooks,
    /// Introspect tokens (RFC 7662).
    IntrospectTokens,
}

impl Permission {
    /// All permissions, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::UseOwnAccount,
        Self::ReadUsers,
        Self::ManageUsers,
        Self::ManageUserStatus,
        Self::ManageRoles,
        Self::EndSessions,
        Self::ReadAudit,
        Self::ReadEvents,
        Self::ManageDeadLetters,
        Self::ReadOperations,
        Self::Operate,
        Self::ReadMoney,
        Self::ManageMoney,
        Self::SendNotifications,
        Self::ReadNotifications,
        Self::ManageTemplates,
        Self::ManageWebhooks,
        Self::IntrospectTokens,
    ];

    /// The name in the route table's reference and in 403 problems.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UseOwnAccount => "use_own_account",
            Self::ReadUsers => "read_users",
            Self::ManageUsers => "manage_users",
            Self::ManageUserStatus => "manage_user_status",
            Self::ManageRoles => "manage_roles",
            Self::EndSessions => "end_sessions",
            Self::ReadAudit => "read_audit",
            Self::ReadEvents => "read_events",
            Self::ManageDeadLetters => "manage_dead_letters",
            Self::ReadOperations => "read_operations",
            Self::Operate => "operate",
            Self::ReadMoney => "read_money",
            Self::ManageMoney => "manage_money",
            Self::SendNotifications => "send_notifications",
            Self::ReadNotifications => "read_notifications",
            Self::ManageTemplates => "manage_templates",
            Self::ManageWebhooks => "manage_webhooks",
            Self::IntrospectTokens => "introspect_tokens",
        }
    }
}

/// The permissions of `role`.
pub fn permissions_of(role: Role) -> &'static [Permission] {
    use Permission as P;
    match role {
        Role::User => &[P::UseOwnAccount],
        Role::Support => {
            &[P::UseOwnAccount, P::ReadUsers, P::ReadEvents, P::ReadOperations, P::ReadMoney, P::ReadNotifications]
        }
        Role::Auditor => &[P::UseOwnAccount, P::ReadAudit],
        Role::Admin => &Permission::ALL,
        Role::Service => &[P::UseOwnAccount, P::SendNotifications, P::IntrospectTokens],
    }
}

/// Whether a user with `roles` has `permission`. Without a role a user has none.
pub fn may(roles: &Roles, permission: Permission) -> bool {
    roles.iter().any(|role| permissions_of(role).contains(&permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the form for review: a change of a role's permissions changes this text.
    const TABLE: &str = "\
use_own_account      user support auditor admin service
read_users           support admin
manage_users         admin
manage_user_status   admin
manage_roles         admin
end_sessions         admin
read_audit           auditor admin
read_events          support admin
manage_dead_letters  admin
read_operations      support admin
operate              admin
read_money           support admin
manage_money         admin
send_notifications   admin service
read_notifications   support admin
manage_templates     admin
manage_webhooks      admin
introspect_tokens    admin service
";

    #[test]
    fn the_table_is_what_was_reviewed() {
        let mut table = String::new();
        for permission in Permission::ALL {
            let holders: Vec<_> = Role::ALL
                .into_iter()
                .filter(|role| may(&[*role].into_iter().collect(), permission))
                .map(Role::as_str)
                .collect();
            table.push_str(&format!("{:<20} {}\n", permission.as_str(), holders.join(" ")));
        }
        assert_eq!(table, TABLE);
    }

    #[test]
    fn who_holds_no_role_may_do_nothing() {
        for permission in Permission::ALL {
            assert!(!may(&Roles::default(), permission));
        }
    }

    #[test]
    fn roles_add_up() {
        let both: Roles = [Role::Support, Role::Auditor].into_iter().collect();
        assert!(may(&both, Permission::ReadUsers) && may(&both, Permission::ReadAudit));
        assert!(!may(&both, Permission::ManageUsers));
    }
}
