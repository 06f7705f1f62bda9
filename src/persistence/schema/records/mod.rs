//! Stored forms that belong to no single table, and earlier shapes of records.
//!
//! Owns: ids as keys and values. Must not know: any table. Begin with `ids.rs`.

mod ids;
mod inbox_mail_v1;
mod reset_request_v1;

pub(in crate::persistence::schema) use inbox_mail_v1::InboxMailV1;
pub(in crate::persistence::schema) use reset_request_v1::ResetRequestV1;
