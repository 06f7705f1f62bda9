//! The action of an entry, by number, and the list of the services that have actions. Each declares its own beside its
//! rules, in `domain/<service>/actions.rs`.

use serde::{Deserialize, Serialize};

use super::log::AuditLog;
use crate::domain::{
    auth::actions::AuthAction, event::actions::EventAction, notification::actions::NotificationAction,
    operations::OperationsAction, otp::actions::OtpAction, service::catalogue_number, user::actions::UserAction,
};

/// The actions of all services.
static ROWS: &[&[ActionRow]] = &[
    AuthAction::ROWS,
    UserAction::ROWS,
    OtpAction::ROWS,
    NotificationAction::ROWS,
    EventAction::ROWS,
    OperationsAction::ROWS,
];

/// Declares the actions of a service as an enum. A row is `Name = number, "name on the wire" in Log`; the number is
/// stored and never changes. A number outside the service's range (`ServiceId`) does not compile.
macro_rules! actions {
    (
        $(#[$doc:meta])*
        $actions:ident of $service:ident:
        $($(#[$action_doc:meta])* $action:ident = $number:literal, $name:literal in $log:ident;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $actions { $($(#[$action_doc])* $action,)* }

        const _: () = {
            $(assert!($crate::domain::service::ServiceId::$service.has($number));)*
        };

        impl $actions {
            /// Their rows of the catalogue.
            pub const ROWS: &'static [$crate::domain::audit::ActionRow] = &[$(Self::$action.row()),*];

            const fn row(self) -> $crate::domain::audit::ActionRow {
                let (number, name, log) = match self {
                    $(Self::$action => ($number, $name, $crate::domain::audit::AuditLog::$log),)*
                };
                $crate::domain::audit::ActionRow { action: $crate::domain::audit::AuditAction::of(number), name, log }
            }
        }

        impl From<$actions> for &'static $crate::domain::audit::ActionRow {
            fn from(action: $actions) -> Self {
                match action {
                    $($actions::$action => const { &$actions::$action.row() },)*
                }
            }
        }

        impl From<$actions> for $crate::domain::audit::AuditAction {
            fn from(action: $actions) -> Self {
                action.row().action
            }
        }
    };
}

pub(in crate::domain) use actions;

/// The action of an entry, done or refused, stored as its number. It may be one that this program does not know, of a
/// newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditAction(u16);

/// A row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionRow {
    pub action: AuditAction,
    /// The name on the wire.
    pub name: &'static str,
    /// The log of its entries.
    pub log: AuditLog,
}

impl ActionRow {
    fn has_name(&self, name: &str) -> bool {
        self.name == name
    }
}

catalogue_number!(AuditAction in ActionRow.action);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_and_every_name_leads_to_one_action() {
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for row in ActionRow::all() {
            assert!(numbers.insert(row.action), "{:#06x} twice", row.action.number());
            assert!(names.insert(row.name), "{} twice", row.name);
            assert_eq!((row.action.row(), AuditAction::from_name(row.name)), (Some(row), Some(row.action)));
            assert_eq!(row.action.to_string(), row.name);
        }
        assert_eq!(AuditAction::from(AuthAction::Login).to_string(), "auth.login");
    }

    #[test]
    fn a_number_without_a_row_has_a_name_that_leads_back_to_it() {
        let newer = AuditAction::of(0x02fe);
        assert_eq!((newer.row(), newer.to_string().as_str()), (None, "unknown:0x02fe"));
        assert_eq!(AuditAction::from_name("unknown:0x02fe"), Some(newer));
        assert_eq!(AuditAction::from_name("unknown:0x0101"), None);
    }
}
