//! A notification, as it was when mails could greet their recipient by name.

use serde::Deserialize;

use crate::{
    domain::notification::{CodeReference, Facts, Notification, TemplateName},
    types::{
        Locale, Timestamp,
        id::{DeliveryId, EventId, NotificationId, UserId},
    },
};

/// Schema 1.
#[derive(Deserialize)]
pub(in crate::persistence::schema) struct NotificationV1 {
    id: NotificationId,
    owner: UserId,
    template: TemplateName,
    locale: Option<Locale>,
    cause: Option<EventId>,
    facts: FactsV1,
    code: Option<CodeReference>,
    deliveries: Vec<DeliveryId>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct FactsV1 {
    at: Timestamp,
    ip_address: Option<String>,
    device: Option<String>,
    #[serde(rename = "first_name")]
    _first_name: Option<String>,
    until: Option<Timestamp>,
}

impl From<NotificationV1> for Notification {
    /// The name is left behind: no mail uses it.
    fn from(before: NotificationV1) -> Self {
        let NotificationV1 { id, owner, template, locale, cause, facts, code, deliveries, created_at } = before;
        let FactsV1 { at, ip_address, device, until, _first_name } = facts;
        let facts = Facts { at, ip_address, device, until };
        Self { id, owner, template, locale, cause, facts, code, deliveries, created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::schema::records::stored;

    /// A record that the program stored when mails could have a name in them.
    const STORED: &str = "0100011001a3185c5000780c8d0e24edb7ac14ba10000000000000000000000123456789ab020000fd0000\
                          31512eca0c000000000000011001a3185c500078549c337355c99bdb04fd000031512eca0c00";

    #[test]
    fn a_notification_of_before_is_read() {
        let read: Notification = stored(STORED);
        assert_eq!((read.template, read.facts.until, read.deliveries.len()), (TemplateName::ResetCode, None, 1));
        assert_eq!(read.facts.at, read.created_at);
    }
}
