//! The services whose events and audit actions are numbered, and the form of such a number.

/// A service of the catalogues of events and audit actions. The high byte of a number names its service, the low byte
/// counts within it. Numbers are stored: none changes, and none is used again. 4 is kept for payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceId {
    /// Registration, sign-in, sessions, passwords, signing keys.
    Auth,
    /// Users and invitations.
    User,
    Otp,
    /// Notifications and their deliveries.
    Notification,
    /// Subscribers of the event log.
    Events,
    /// The operation of the process.
    Operations,
}

impl ServiceId {
    const ALL: [Self; 6] = [Self::Auth, Self::User, Self::Otp, Self::Notification, Self::Events, Self::Operations];

    /// The high byte of its numbers.
    pub const fn number(self) -> u16 {
        match self {
            Self::Auth => 0x01,
            Self::User => 0x02,
            Self::Otp => 0x03,
            Self::Notification => 0x05,
            Self::Events => 0x06,
            Self::Operations => 0x07,
        }
    }

    /// The attribute `source` of its events.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Auth => "/auth",
            Self::User => "/user",
            Self::Otp => "/otp",
            Self::Notification => "/notifier",
            Self::Events => "/events",
            Self::Operations => "/operations",
        }
    }

    /// Whether `number` is in the range of this service.
    pub const fn has(self, number: u16) -> bool {
        number >> 8 == self.number()
    }

    /// The service of `number`; `None`: this program does not know it.
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.has(number))
    }
}

/// Declares what the numbers of a catalogue have in common. `$key` is stored as its number; `$row` has the key in
/// `$field` and the method `has_name`.
macro_rules! catalogue_number {
    ($key:ident in $row:ident . $field:ident) => {
        impl $row {
            /// All rows, in the order of the catalogue.
            pub fn all() -> impl Iterator<Item = &'static Self> {
                ROWS.iter().copied().flatten()
            }
        }

        impl $key {
            /// The key of this number.
            pub const fn of(number: u16) -> Self {
                Self(number)
            }

            /// Its number: the service in the high byte.
            pub const fn number(self) -> u16 {
                self.0
            }

            /// Its row; `None`: this program does not know it.
            pub fn row(self) -> Option<&'static $row> {
                $row::all().find(|row| row.$field == self)
            }

            /// The key of this name; `unknown:<number>` for a number without a row.
            pub fn from_name(name: &str) -> Option<Self> {
                let known = $row::all().find(|row| row.has_name(name)).map(|row| row.$field);
                let unknown = || $crate::domain::service::unknown_number(name).map(Self);
                known.or_else(|| unknown().filter(|found| found.row().is_none()))
            }
        }

        impl ::std::fmt::Display for $key {
            /// Its name, or `unknown:<number>`.
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self.row() {
                    Some(row) => f.write_str(row.name),
                    None => f.write_str(&$crate::domain::service::unknown_name(self.0)),
                }
            }
        }
    };
}

pub(in crate::domain) use catalogue_number;

/// The name of a number that this program does not know, e.g. `unknown:0x01fe`.
pub(super) fn unknown_name(number: u16) -> String {
    format!("unknown:{number:#06x}")
}

/// The number of a name that `unknown_name` wrote.
pub(super) fn unknown_number(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("unknown:0x")?;
    u16::from_str_radix(digits, 16).ok().filter(|number| unknown_name(*number) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_to_its_service_and_to_no_other() {
        for service in ServiceId::ALL {
            assert_eq!(ServiceId::of(service.number() << 8 | 0xff), Some(service));
        }
        assert_eq!(ServiceId::of(0xfe01), None);
    }

    #[test]
    fn the_name_of_an_unknown_number_leads_back_to_it() {
        assert_eq!(unknown_name(0x1fe), "unknown:0x01fe");
        assert_eq!(unknown_number("unknown:0x01fe"), Some(0x1fe));
        for name in ["unknown:0x1fe", "unknown:510", "unknown:0x+1fe", "0x01fe", "unknown:0x01FE"] {
            assert_eq!(unknown_number(name), None, "{name}");
        }
    }
}
