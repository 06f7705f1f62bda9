//! The inventory of all tables, and one file for each record with the functions that maintain its indexes.
//!
//! Owns: the first bytes of keys, the keys, the indexes. Must not know: the rules of any service. Begin with
//! `inventory`.

pub mod clock_acceptance;
pub mod code;
pub mod failure;
pub mod inbox;
pub mod invitation;
pub mod notification;
pub mod outcome;
pub mod refused_codes;
pub mod registration;
pub mod reset;
pub mod session;
pub mod signing_key;
pub mod subscription;
pub mod timing_padding;
pub mod user;

use std::time::Duration;

use uuid::Uuid;

pub use crate::persistence::machinery::catalog::TableRow;

use super::{
    audit::{AUDIT_BY_NUMBER, AUDIT_SIGN_IN_BY_NUMBER},
    events::EVENT_BY_SEQUENCE,
    persons::PERSON_KEY_BY_ID,
};
use crate::{
    persistence::machinery::{catalog::TableWords, migrations::MIGRATION_BY_NAME},
    types::{Timestamp, id::UserId},
};

/// The smallest step of time.
const TICK: Duration = Duration::from_micros(1);

/// The id that sorts before all others.
fn first_user() -> UserId {
    UserId::from(Uuid::nil())
}

/// The exclusive upper bound of the entries in an index by end that have ended at `now`.
fn end_of<I: From<Uuid>>(now: Timestamp) -> (Timestamp, I) {
    (now.plus(TICK), I::from(Uuid::nil()))
}

/// The inventory's texts for a table: its key, its record, its owner.
const fn words(key: &'static str, record: &'static str, owner: &'static str) -> TableWords {
    TableWords { key, record, owner }
}

/// Every table of the store.
pub(super) static INVENTORY: &[TableRow] = &[
    TableRow::of(&user::USER_BY_ID, words("user", "User", "user")).linked(user::links),
    TableRow::index(&user::USER_ID_BY_EMAIL, &user::USER_BY_ID, words("address", "UserId", "user"))
        .linked(|reader, row| row.leads(reader, (&user::USER_ID_BY_EMAIL, &user::USER_BY_ID), |_, id| id)),
    TableRow::index(&user::USER_ID_BY_USERNAME, &user::USER_BY_ID, words("user name", "UserId", "user"))
        .linked(|reader, row| row.leads(reader, (&user::USER_ID_BY_USERNAME, &user::USER_BY_ID), |_, id| id)),
    TableRow::index(&user::USER_BY_ROLE, &user::USER_BY_ID, words("role, user", "-", "user"))
        .linked(|reader, row| row.leads(reader, (&user::USER_BY_ROLE, &user::USER_BY_ID), |(_, id), _| id)),
    TableRow::of(&registration::REGISTRATION_BY_ID, words("registration", "Registration", "auth"))
        .linked(registration::links),
    TableRow::index(
        &registration::REGISTRATION_BY_EMAIL,
        &registration::REGISTRATION_BY_ID,
        words("address, registration", "-", "auth"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&registration::REGISTRATION_BY_EMAIL, &registration::REGISTRATION_BY_ID), |(_, id), _| id)
    }),
    TableRow::index(
        &registration::REGISTRATION_BY_USERNAME,
        &registration::REGISTRATION_BY_ID,
        words("user name, registration", "-", "auth"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&registration::REGISTRATION_BY_USERNAME, &registration::REGISTRATION_BY_ID), |(_, id), _| id)
    }),
    TableRow::index(
        &registration::REGISTRATION_BY_END,
        &registration::REGISTRATION_BY_ID,
        words("time, registration", "-", "auth"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&registration::REGISTRATION_BY_END, &registration::REGISTRATION_BY_ID), |(_, id), _| id)
    }),
    TableRow::of(&invitation::INVITATION_BY_ID, words("invitation", "Invitation", "user")).linked(invitation::links),
    TableRow::index(
        &invitation::INVITATION_ID_BY_EMAIL,
        &invitation::INVITATION_BY_ID,
        words("address", "InvitationId", "user"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&invitation::INVITATION_ID_BY_EMAIL, &invitation::INVITATION_BY_ID), |_, id| id)
    }),
    TableRow::index(
        &invitation::INVITATION_BY_END,
        &invitation::INVITATION_BY_ID,
        words("time, invitation", "-", "user"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&invitation::INVITATION_BY_END, &invitation::INVITATION_BY_ID), |(_, id), _| id)
    }),
    TableRow::of(&session::SESSION_BY_ID, words("session", "Session", "auth")).linked(session::links),
    TableRow::index(&session::SESSION_BY_USER, &session::SESSION_BY_ID, words("user, session", "-", "auth"))
        .linked(|reader, row| row.leads(reader, (&session::SESSION_BY_USER, &session::SESSION_BY_ID), |(_, id), _| id)),
    TableRow::index(&session::SESSION_BY_END, &session::SESSION_BY_ID, words("time, session", "-", "auth"))
        .linked(|reader, row| row.leads(reader, (&session::SESSION_BY_END, &session::SESSION_BY_ID), |(_, id), _| id)),
    TableRow::of(&code::CODE_BY_OWNER, words("owner, purpose", "OneTimeCode", "otp")).linked(code::links),
    TableRow::index(&code::CODE_BY_DUE, &code::CODE_BY_OWNER, words("time, owner, purpose", "-", "otp")).linked(
        |reader, row| {
            row.leads(reader, (&code::CODE_BY_DUE, &code::CODE_BY_OWNER), |(_, owner, purpose), _| (owner, purpose))
        },
    ),
    TableRow::of(&signing_key::SIGNING_KEY_BY_ID, words("key", "SigningKey", "auth")),
    TableRow::of(&failure::FAILURE_BY_ORIGIN, words("subject, origin", "OriginFailures", "auth")),
    TableRow::of(&failure::FAILURE_BY_SUBJECT, words("subject", "DayFailures", "auth")),
    TableRow::of(&timing_padding::TIMING_PADDING_BY_SLOT, words("slot", "TimingPadding", "otp")),
    TableRow::of(&refused_codes::REFUSED_CODES_BY_SLOT, words("slot", "RefusedCodes", "otp")),
    TableRow::of(&refused_codes::REFUSED_CODES_BY_NETWORK, words("time, slot, network", "NetworkRefusedCodes", "otp")),
    TableRow::of(&reset::RESET_BY_ID, words("request", "ResetRequest", "auth")).linked(reset::links),
    TableRow::index(&reset::RESET_BY_END, &reset::RESET_BY_ID, words("time, request", "-", "auth"))
        .linked(|reader, row| row.leads(reader, (&reset::RESET_BY_END, &reset::RESET_BY_ID), |(_, id), _| id)),
    TableRow::of(&outcome::OUTCOME_BY_KEY, words("principal, key", "Remembered", "http")).linked(outcome::links),
    TableRow::index(&outcome::OUTCOME_BY_END, &outcome::OUTCOME_BY_KEY, words("time, principal, key", "-", "http"))
        .linked(|reader, row| {
            row.leads(reader, (&outcome::OUTCOME_BY_END, &outcome::OUTCOME_BY_KEY), |(_, principal, key), _| {
                (principal, key)
            })
        }),
    TableRow::of(&notification::NOTIFICATION_BY_ID, words("notification", "Notification", "notifier"))
        .linked(notification::links),
    TableRow::index(
        &notification::NOTIFICATION_BY_OWNER,
        &notification::NOTIFICATION_BY_ID,
        words("owner, notification", "-", "notifier"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&notification::NOTIFICATION_BY_OWNER, &notification::NOTIFICATION_BY_ID), |(_, id), _| id)
    }),
    TableRow::of(&notification::DELIVERY_BY_ID, words("delivery", "Delivery", "notifier"))
        .linked(notification::delivery_links),
    TableRow::index(
        &notification::DELIVERY_BY_DUE,
        &notification::DELIVERY_BY_ID,
        words("lane, time, delivery", "-", "notifier"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&notification::DELIVERY_BY_DUE, &notification::DELIVERY_BY_ID), |(.., id), _| id)
    }),
    TableRow::index(
        &notification::DELIVERY_BY_KIND,
        &notification::DELIVERY_BY_ID,
        words("owner, template, channel, delivery", "-", "notifier"),
    )
    .linked(|reader, row| {
        row.leads(reader, (&notification::DELIVERY_BY_KIND, &notification::DELIVERY_BY_ID), |(.., id), _| id)
    }),
    TableRow::of(&notification::BUDGET_BY_OWNER, words("owner, template", "Budget", "notifier")),
    TableRow::of(&inbox::MAIL_BY_ID, words("mail", "InboxMail", "notifier")).linked(inbox::links),
    TableRow::index(&inbox::MAIL_ID_BY_DELIVERY, &inbox::MAIL_BY_ID, words("delivery", "MailId", "notifier"))
        .linked(|reader, row| row.leads(reader, (&inbox::MAIL_ID_BY_DELIVERY, &inbox::MAIL_BY_ID), |_, id| id)),
    TableRow::index(&inbox::MAIL_BY_RECIPIENT, &inbox::MAIL_BY_ID, words("address, mail", "-", "notifier"))
        .linked(|reader, row| row.leads(reader, (&inbox::MAIL_BY_RECIPIENT, &inbox::MAIL_BY_ID), |(_, id), _| id)),
    TableRow::of(&EVENT_BY_SEQUENCE, words("sequence", "StoredEvent", "store")),
    TableRow::of(&AUDIT_BY_NUMBER, words("number", "AuditRow", "store")),
    TableRow::of(&AUDIT_SIGN_IN_BY_NUMBER, words("number", "AuditRow", "store")),
    TableRow::of(&MIGRATION_BY_NAME, words("migration", "MigrationState", "store")),
    TableRow::of(&PERSON_KEY_BY_ID, words("person", "PersonKey", "store")),
    TableRow::of(&clock_acceptance::CLOCK_ACCEPTANCE_BY_SLOT, words("0", "ClockAcceptance", "operations")),
    TableRow::of(&subscription::SUBSCRIPTION_BY_NAME, words("subscriber", "Subscription", "relay")),
    TableRow::of(&subscription::MARK_BY_SEQUENCE, words("subscriber, sequence", "-", "relay")),
    TableRow::of(&subscription::DELAYED_BY_SUBJECT, words("subscriber, person, sequence", "Delayed", "relay"))
        .linked(subscription::links),
    TableRow::index(
        &subscription::DELAYED_BY_DUE,
        &subscription::DELAYED_BY_SUBJECT,
        words("subscriber, time, person", "-", "relay"),
    )
    .linked(subscription::due_links),
    TableRow::of(&subscription::DEAD_LETTER_BY_SEQUENCE, words("subscriber, sequence", "DeadLetter", "relay")),
];

/// Checked at compile time: two tables with the same byte would read each other's rows.
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
