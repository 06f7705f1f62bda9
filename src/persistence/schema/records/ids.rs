//! Ids as keys, and as values of indexes.

use crate::{
    persistence::machinery::{
        key::{KeyBytes, TableKey, TableKeyFault},
        record::Record,
    },
    types::id,
};

macro_rules! ids {
    ($($id:ident = $name:literal),* $(,)?) => {$(
        impl TableKey for id::$id {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_bytes());
            }
            fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
                bytes.take().map(|sixteen| Self::from(uuid::Uuid::from_bytes(sixteen)))
            }
        }

        /// The value of an index: the id it leads to.
        impl Record for id::$id {
            const SCHEMA: u16 = 1;
            const NAME: &'static str = $name;
        }
    )*};
}

ids! {
    UserId = "user_id", SessionId = "session_id", EventId = "event_id", CodeId = "code_id", ResetId = "reset_id",
    InvitationId = "invitation_id", NotificationId = "notification_id", DeliveryId = "delivery_id",
    MailId = "mail_id", KeyId = "key_id", AuditId = "audit_id",
}
