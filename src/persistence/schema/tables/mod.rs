//! All tables there are: THE inventory, and one file for each record with the functions that keep its indexes.
//!
//! Owns: the bytes in front of keys, the keys, the indexes. Must not know: the rules of any service.
//! Begin with `inventory`.

pub mod code;
pub mod failure;
pub mod inbox;
pub mod invitation;
pub mod notification;
pub mod outcome;
pub mod registration;
pub mod reset;
pub mod session;
pub mod signing_key;
pub mod subscription;
pub mod timing_padding;
pub mod user;

use std::time::Duration;

use uuid::Uuid;

use super::{audit::AUDIT_BY_NUMBER, events::EVENT_BY_SEQUENCE, persons::PERSON_KEY_BY_ID};
use crate::{
    persistence::machinery::{
        key::TableKey,
        keyring::Keyring,
        migrations::MIGRATION_BY_NAME,
        reader::{Kind, TxFault, decodes},
        record::Record,
        table::{Form, Table},
    },
    types::{Timestamp, id::UserId},
};

/// The smallest step of time.
const TICK: Duration = Duration::from_micros(1);

/// The id that sorts before all others.
fn first_user() -> UserId {
    UserId::from(Uuid::nil())
}

/// The bound below which an index by end holds what has ended at `now`.
fn end_of<I: From<Uuid>>(now: Timestamp) -> (Timestamp, I) {
    (now.plus(TICK), I::from(Uuid::nil()))
}

/// A row of the inventory.
#[derive(Debug, Clone)]
pub struct TableRow {
    /// The table's name.
    pub name: &'static str,
    /// The byte in front of its keys.
    pub tag: u8,
    /// The fields of its key.
    pub key: &'static str,
    /// The record.
    pub record: &'static str,
    /// The service that owns it.
    pub owner: &'static str,
    /// How long a row is kept.
    pub kept: &'static str,
    /// The table whose rows this one leads to, if it is an index.
    pub index_of: Option<&'static str>,
    form: Form,
    decodes: Decodes,
}

type Decodes = fn(&Keyring, Kind, &[u8], &[u8]) -> Result<(), TxFault>;

impl TableRow {
    /// Whether the row of the key `place` can be read.
    pub(in crate::persistence) fn decode(&self, ring: &Keyring, place: &[u8], value: &[u8]) -> Result<(), TxFault> {
        (self.decodes)(ring, Kind { name: self.name, form: self.form }, place, value)
    }

    /// Whether its values are sealed.
    pub fn is_sealed(&self) -> bool {
        self.form == Form::Sealed
    }

    /// Whether its rows are of no use without those of a sealed table.
    pub fn leads_to_sealed(&self) -> bool {
        self.index_of.is_some_and(|name| INVENTORY.iter().any(|row| row.name == name && row.is_sealed()))
    }
}

/// What the inventory says of a table beyond the table itself.
struct Words(&'static str, &'static str, &'static str);

const fn row<K: TableKey, V: Record>(table: &Table<K, V>, Words(key, record, owner): Words) -> TableRow {
    let Table { tag, name, kept, form, .. } = *table;
    TableRow { name, tag, key, record, owner, kept, index_of: None, form, decodes: decodes::<K, V> }
}

const fn index<K: TableKey, V: Record, L, W>(table: &Table<K, V>, of: &Table<L, W>, words: Words) -> TableRow {
    TableRow { index_of: Some(of.name), ..row(table, words) }
}

static INVENTORY: &[TableRow] = &[
    row(&user::USER_BY_ID, Words("user", "User", "user")),
    index(&user::USER_ID_BY_EMAIL, &user::USER_BY_ID, Words("address", "UserId", "user")),
    index(&user::USER_ID_BY_USERNAME, &user::USER_BY_ID, Words("user name", "UserId", "user")),
    index(&user::USER_BY_ROLE, &user::USER_BY_ID, Words("role, user", "-", "user")),
    row(&registration::REGISTRATION_BY_ID, Words("registration", "Registration", "auth")),
    index(
        &registration::REGISTRATION_BY_EMAIL,
        &registration::REGISTRATION_BY_ID,
        Words("address, registration", "-", "auth"),
    ),
    index(
        &registration::REGISTRATION_BY_USERNAME,
        &registration::REGISTRATION_BY_ID,
        Words("user name, registration", "-", "auth"),
    ),
    index(
        &registration::REGISTRATION_BY_END,
        &registration::REGISTRATION_BY_ID,
        Words("time, registration", "-", "auth"),
    ),
    row(&invitation::INVITATION_BY_ID, Words("invitation", "Invitation", "user")),
    index(&invitation::INVITATION_ID_BY_EMAIL, &invitation::INVITATION_BY_ID, Words("address", "InvitationId", "user")),
    index(&invitation::INVITATION_BY_END, &invitation::INVITATION_BY_ID, Words("time, invitation", "-", "user")),
    row(&session::SESSION_BY_ID, Words("session", "Session", "auth")),
    index(&session::SESSION_BY_USER, &session::SESSION_BY_ID, Words("user, session", "-", "auth")),
    index(&session::SESSION_BY_END, &session::SESSION_BY_ID, Words("time, session", "-", "auth")),
    row(&code::CODE_BY_OWNER, Words("owner, purpose", "OneTimeCode", "otp")),
    index(&code::CODE_BY_DUE, &code::CODE_BY_OWNER, Words("time, owner, purpose", "-", "otp")),
    row(&signing_key::SIGNING_KEY_BY_ID, Words("key", "SigningKey", "auth")),
    row(&failure::FAILURE_BY_ORIGIN, Words("subject, origin", "OriginFailures", "auth")),
    row(&failure::FAILURE_BY_SUBJECT, Words("subject", "DayFailures", "auth")),
    row(&timing_padding::TIMING_PADDING_BY_SLOT, Words("slot", "TimingPadding", "otp")),
    row(&reset::RESET_BY_ID, Words("request", "ResetRequest", "auth")),
    index(&reset::RESET_BY_END, &reset::RESET_BY_ID, Words("time, request", "-", "auth")),
    row(&outcome::OUTCOME_BY_KEY, Words("principal, key", "Remembered", "http")),
    index(&outcome::OUTCOME_BY_END, &outcome::OUTCOME_BY_KEY, Words("time, principal, key", "-", "http")),
    row(&notification::NOTIFICATION_BY_ID, Words("notification", "Notification", "notifier")),
    index(
        &notification::NOTIFICATION_BY_OWNER,
        &notification::NOTIFICATION_BY_ID,
        Words("owner, notification", "-", "notifier"),
    ),
    row(&notification::DELIVERY_BY_ID, Words("delivery", "Delivery", "notifier")),
    index(
        &notification::DELIVERY_BY_DUE,
        &notification::DELIVERY_BY_ID,
        Words("lane, time, delivery", "-", "notifier"),
    ),
    index(
        &notification::DELIVERY_BY_KIND,
        &notification::DELIVERY_BY_ID,
        Words("owner, template, channel, delivery", "-", "notifier"),
    ),
    row(&notification::BUDGET_BY_OWNER, Words("owner, template", "Budget", "notifier")),
    row(&inbox::MAIL_BY_ID, Words("mail", "InboxMail", "notifier")),
    index(&inbox::MAIL_ID_BY_DELIVERY, &inbox::MAIL_BY_ID, Words("delivery", "MailId", "notifier")),
    index(&inbox::MAIL_BY_RECIPIENT, &inbox::MAIL_BY_ID, Words("address, mail", "-", "notifier")),
    row(&EVENT_BY_SEQUENCE, Words("sequence", "StoredEvent", "store")),
    row(&AUDIT_BY_NUMBER, Words("number", "AuditRow", "store")),
    row(&MIGRATION_BY_NAME, Words("migration", "MigrationState", "store")),
    row(&PERSON_KEY_BY_ID, Words("person", "PersonKey", "store")),
    row(&subscription::SUBSCRIPTION_BY_NAME, Words("subscriber", "Subscription", "relay")),
    row(&subscription::MARK_BY_SEQUENCE, Words("subscriber, sequence", "-", "relay")),
    row(&subscription::DELAYED_BY_SUBJECT, Words("subscriber, person, sequence", "Delayed", "relay")),
    index(
        &subscription::DELAYED_BY_DUE,
        &subscription::DELAYED_BY_SUBJECT,
        Words("subscriber, time, person", "-", "relay"),
    ),
    row(&subscription::DEAD_LETTER_BY_SEQUENCE, Words("subscriber, sequence", "DeadLetter", "relay")),
];

/// Refused by the compiler, since two tables under one byte read each other's rows.
const _: () = assert!(each_byte_is_one_tables(), "two tables share a byte, or one has the engine's own byte 0");

const fn each_byte_is_one_tables() -> bool {
    let mut at = 0;
    while at < INVENTORY.len() {
        let mut before = 0;
        while before < at {
            if INVENTORY[before].tag == INVENTORY[at].tag {
                return false;
            }
            before += 1;
        }
        if INVENTORY[at].tag == 0 {
            return false;
        }
        at += 1;
    }
    true
}

/// Every table of the store.
pub fn inventory() -> &'static [TableRow] {
    INVENTORY
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_tables_share_a_name() {
        let names: BTreeSet<&str> = inventory().iter().map(|row| row.name).collect();
        assert_eq!(names.len(), inventory().len());
    }
}
