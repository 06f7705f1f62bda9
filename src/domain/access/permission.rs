//! The one table from roles to permissions.

use crate::types::{Role, Roles};

macro_rules! permissions {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// What a route may require. Own data needs only `UseOwnAccount`; the other permissions reach beyond the
        /// caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $(#[doc = $doc] $name,)* }

        impl Permission {
            /// All permissions, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the route table's reference and in 403 problems.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it permits, for the reference.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                }
            }
        }
    };
}

permissions! {
    // -- the own account
    UseOwnAccount "use_own_account" "Read and change the caller's own user, sessions, password, codes.";

    // -- users
    ReadUsers "read_users" "Read any user, with sessions and activity.";
    ManageUsers "manage_users" "Create, change and delete users.";
    ManageUserStatus "manage_user_status" "Lock, disable and enable users.";
    ManageRoles "manage_roles" "Grant and remove roles.";
    EndSessions "end_sessions" "End sessions of other users.";

    // -- audit and events
    ReadAudit "read_audit" "Read, verify and export the audit log.";
    ReadEvents "read_events" "Read events, subscribers and dead letters.";
    ManageDeadLetters "manage_dead_letters" "Requeue and discard dead letters.";

    // -- operations
    ReadOperations "read_operations" "Read the actors, the store and health in detail.";
    Operate "operate" "Restart actors, set log levels, create snapshots.";

    // -- money
    ReadMoney "read_money" "Read the accounts, transactions and payments of any user.";
    ManageMoney "manage_money" "Move money of other users, freeze and close accounts, settle payments.";

    // -- notifications
    SendNotifications "send_notifications" "Send notifications to users.";
    ReadNotifications "read_notifications" "Read notifications to other users.";
    ManageTemplates "manage_templates" "Write and publish templates.";
    ManageWebhooks "manage_webhooks" "Manage webhook endpoints.";

    // -- other services
    IntrospectTokens "introspect_tokens" "Introspect tokens (RFC 7662).";
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
        Role::Admin => Permission::ALL,
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
        for permission in Permission::ALL.iter().copied() {
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
        for permission in Permission::ALL.iter().copied() {
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
