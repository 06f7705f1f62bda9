//! The list of the services that have events. Each declares its own beside its rules, in `domain/<service>/events.rs`.
//!
//! Events report; they do not decide.

use serde::{Deserializer, Serialize, Serializer, de::DeserializeSeed, de::Error as _};

use super::{EventRow, EventType, PayloadValue};
use crate::domain::{
    auth::events::AuthEvent, notification::events::NotificationEvent, otp::events::OtpEvent, service::ServiceId,
    user::events::UserEvent,
};

macro_rules! join {
    ($($service:ident: $events:ident),* $(,)?) => {
        /// An event of any service, without its envelope.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum EventKind { $(#[doc = concat!("`", stringify!($events), "`")] $service($events),)* }

        /// The rows of all services.
        pub(super) static ROWS: &[&[EventRow]] = &[$($events::ROWS),*];

        impl EventKind {
            /// Its row of the catalogue.
            pub fn row(&self) -> &'static EventRow {
                match self { $(Self::$service(event) => event.row(),)* }
            }

            /// The fields of the payload without the personal ones, camelCase.
            pub fn payload(&self) -> Vec<(&'static str, PayloadValue)> {
                match self { $(Self::$service(event) => event.payload(),)* }
            }

            /// A sample of each event, in the order of the catalogue. Where there is a choice, a sample is the case
            /// that leads to a notification.
            pub fn samples() -> Vec<Self> {
                let mut samples = Vec::new();
                $(samples.extend($events::samples().into_iter().map(Self::$service));)*
                samples
            }
        }

        impl Serialize for EventKind {
            /// The fields alone: type and schema are stored beside them.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$service(event) => event.serialize(serializer),)* }
            }
        }

        impl<'de> DeserializeSeed<'de> for EventBodyForm {
            type Value = EventKind;

            fn deserialize<D: Deserializer<'de>>(self, body: D) -> Result<EventKind, D::Error> {
                match ServiceId::of(self.event_type.number()) {
                    $(Some(ServiceId::$service) => {
                        $events::read(self.event_type, self.schema, body).map(EventKind::$service)
                    })*
                    Some(_) | None => Err(D::Error::custom("the type is not known")),
                }
            }
        }
    };
}

join! {
    Auth: AuthEvent,
    User: UserEvent,
    Otp: OtpEvent,
    Notification: NotificationEvent,
}

impl EventKind {
    /// Its type.
    pub fn event_type(&self) -> EventType {
        self.row().event_type
    }
}

/// What a stored body is; as a seed of serde it reads the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventBodyForm {
    /// The type of the event.
    pub event_type: EventType,
    /// The schema of the body.
    pub schema: u16,
}
