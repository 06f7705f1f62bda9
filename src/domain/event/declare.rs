//! The two macros that declare the events of a service in `domain/<service>/events.rs`: `event!` for each event, and
//! `service_events!` for the list of them.

/// Declares one event as a struct.
///
/// - `Name = number, "type"`: the number is stored and never changes; its high byte is the service (`ServiceId`).
/// - `to [..]`: the subscribers that receive it. No other place names them.
/// - `also [..]`: its names in the source documents, if they differ.
/// - `schema n`: the number of the body's present form. A change of the fields is a new number; the old form is a
///   struct that derives `Deserialize`, has a `From` into the event, and is named in `before [n => OldForm]`.
/// - `field: Type as "name" = sample`: the name in the payload (`data`), and the value in the sample.
///
/// An event has no secret. Personal fields are in `Personal`, which is sealed under the person's own key.
macro_rules! event {
    (
        $(#[$doc:meta])*
        $event:ident = $number:literal, $name:literal, to [$($subscriber:literal),*]
        $(, also [$($alias:literal),*])?, schema $schema:literal $(, before [$($old:literal => $form:ty),*])? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty as $key:literal = $sample:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $event { $($(#[$field_doc])* pub $field: $type,)* }

        impl $event {
            /// Its type.
            pub const TYPE: $crate::domain::event::EventType = $crate::domain::event::EventType::of($number);

            /// Its row of the catalogue.
            pub const ROW: $crate::domain::event::EventRow = $crate::domain::event::EventRow {
                event_type: Self::TYPE,
                name: $name,
                schema: $schema,
                subscribers: &[$($subscriber),*],
                aliases: &[$($($alias),*)?],
            };

            /// The fields of the payload without the personal ones, camelCase.
            pub fn payload(&self) -> Vec<(&'static str, $crate::domain::event::PayloadValue)> {
                vec![$(($key, $crate::domain::event::PayloadValue::from(&self.$field))),*]
            }

            /// An event with the values of the sample.
            pub fn sample() -> Self {
                Self { $($field: $sample),* }
            }

            /// The event in a body of this schema, or of an older one.
            pub(crate) fn read<'de, D: ::serde::Deserializer<'de>>(
                schema: u16,
                body: D,
            ) -> Result<Self, D::Error> {
                match schema {
                    $schema => ::serde::Deserialize::deserialize(body),
                    $($($old => <$form as ::serde::Deserialize>::deserialize(body).map(Self::from),)*)?
                    _ => Err(::serde::de::Error::custom(format_args!("schema {schema} is not known"))),
                }
            }
        }
    };
}

/// Lists the events of a service: declares the enum that subscribers match on. A number outside the service's range
/// does not compile.
macro_rules! service_events {
    ($(#[$doc:meta])* $events:ident of $service:ident: $($event:ident),* $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $events { $(#[doc = concat!("`", stringify!($event), "`")] $event($event),)* }

        const _: () = {
            $(assert!($crate::domain::service::ServiceId::$service.has($event::TYPE.number()));)*
        };

        impl $events {
            /// The rows of the catalogue.
            pub const ROWS: &'static [$crate::domain::event::EventRow] = &[$($event::ROW),*];

            /// Its row of the catalogue.
            pub fn row(&self) -> &'static $crate::domain::event::EventRow {
                match self { $(Self::$event(_) => &$event::ROW,)* }
            }

            /// The fields of the payload without the personal ones, camelCase.
            pub fn payload(&self) -> Vec<(&'static str, $crate::domain::event::PayloadValue)> {
                match self { $(Self::$event(event) => event.payload(),)* }
            }

            /// A sample of each.
            pub fn samples() -> Vec<Self> {
                vec![$(Self::$event($event::sample())),*]
            }

            /// The event of this type in a body of this schema.
            pub(crate) fn read<'de, D: ::serde::Deserializer<'de>>(
                event_type: $crate::domain::event::EventType,
                schema: u16,
                body: D,
            ) -> Result<Self, D::Error> {
                match event_type {
                    $($event::TYPE => $event::read(schema, body).map(Self::$event),)*
                    _ => Err(::serde::de::Error::custom("the type is not known")),
                }
            }
        }

        impl ::serde::Serialize for $events {
            /// The fields alone: type and schema are stored beside them.
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$event(event) => event.serialize(serializer),)* }
            }
        }

        $(impl From<$event> for $crate::domain::event::EventKind {
            fn from(event: $event) -> Self {
                Self::$service($events::$event(event))
            }
        })*
    };
}

pub(crate) use {event, service_events};
