//! The audit actions of operators on notifications.

use crate::domain::audit::actions;

actions! {
    /// An action on the sending of notifications.
    NotificationAction of Notification:
    /// An operator resumed sending of a restored store.
    ResumeSending = 0x0501, "notify.resume" in Changes;
}
