//! Stored forms that belong to no single table, and earlier shapes of records.
//!
//! Owns: ids as keys and values. Must not know: any table. Begin with `ids.rs`.

mod ids;
mod inbox_mail_v1;
mod notification_v1;
mod one_time_code_v1;
mod reset_request_v1;

pub(in crate::persistence::schema) use inbox_mail_v1::InboxMailV1;
pub(in crate::persistence::schema) use notification_v1::NotificationV1;
pub(in crate::persistence::schema) use one_time_code_v1::OneTimeCodeV1;
pub(in crate::persistence::schema) use reset_request_v1::ResetRequestV1;

/// Reads a record from its stored bytes in hexadecimal.
#[cfg(test)]
fn stored<R: crate::persistence::machinery::record::Record>(hex: &str) -> R {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    crate::persistence::machinery::codec::decode(&(0..hex.len() / 2).map(byte).collect::<Vec<u8>>()).unwrap()
}
