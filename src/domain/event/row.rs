//! The type of an event, by number, and its row of the catalogue.

use serde::{Deserialize, Serialize};

use super::kind::ROWS;
use crate::domain::service::{ServiceId, catalogue_number};

/// The type of an event, stored as its number. It may be one that this program does not know, of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventType(u16);

/// A row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow {
    pub event_type: EventType,
    /// The attribute `type` of the event's JSON form.
    pub name: &'static str,
    /// The present schema of its body.
    pub schema: u16,
    /// The names of its subscribers.
    pub subscribers: &'static [&'static str],
    /// Its names in the source documents, if they differ.
    pub aliases: &'static [&'static str],
}

impl EventRow {
    /// Whether it is the name or an alias.
    fn has_name(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

catalogue_number!(EventType in EventRow.event_type);

impl EventType {
    /// All types of this program, in the order of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        EventRow::all().map(|row| row.event_type)
    }

    /// The attribute `source`: the service that writes it, `/unknown` for a service that this program does not know.
    pub fn source(self) -> &'static str {
        ServiceId::of(self.0).map_or("/unknown", ServiceId::source)
    }

    /// The types that this subscriber receives, in the order of the catalogue.
    pub fn subscribed_by(subscriber: &str) -> Vec<Self> {
        EventRow::all().filter(|row| row.subscribers.contains(&subscriber)).map(|row| row.event_type).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{
        auth::events::{PasswordResetRequested, PasswordResetUnmatched, UserRegistered},
        event::EventKind,
        service::unknown_name,
    };

    #[test]
    fn every_name_and_alias_leads_to_one_type() {
        let mut seen = BTreeSet::new();
        for row in EventRow::all() {
            for name in row.aliases.iter().chain([&row.name]) {
                assert!(seen.insert(*name), "{name} twice");
                assert_eq!(EventType::from_name(name), Some(row.event_type));
            }
            assert_eq!(row.event_type.to_string(), row.name);
        }
        assert_eq!(EventType::from_name("user.vanished"), None);
    }

    #[test]
    fn every_number_leads_to_one_row() {
        let mut seen = BTreeSet::new();
        for row in EventRow::all() {
            assert!(seen.insert(row.event_type), "{:#06x} twice", row.event_type.number());
            assert_eq!(row.event_type.row(), Some(row));
            assert!(row.schema > 0 && row.event_type.number() & 0xff > 0, "{} counts from 1", row.name);
        }
    }

    #[test]
    fn a_number_without_a_row_has_a_name_that_leads_back_to_it() {
        let newer = EventType::of(0x01fe);
        assert_eq!((newer.row(), newer.source(), newer.to_string().as_str()), (None, "/auth", "unknown:0x01fe"));
        assert_eq!(EventType::from_name("unknown:0x01fe"), Some(newer));
        assert_eq!(EventType::of(0xfe01).source(), "/unknown");
        assert_eq!(EventType::from_name(&unknown_name(UserRegistered::TYPE.number())), None);
    }

    #[test]
    fn a_subscriber_receives_the_types_whose_rows_name_it() {
        let of_otp = [UserRegistered::TYPE, PasswordResetRequested::TYPE, PasswordResetUnmatched::TYPE];
        assert_eq!(EventType::subscribed_by("otp"), of_otp);
        assert_eq!(EventType::subscribed_by("another_name"), []);
    }

    #[test]
    fn there_is_a_sample_of_each_row() {
        let samples: Vec<_> = EventKind::samples().iter().map(EventKind::event_type).collect();
        assert_eq!(samples, EventType::all().collect::<Vec<_>>());
    }
}
