//! The rules on registrations of one address: their number, and the registration that a code is sent for.

use super::Registration;
use crate::types::{Timestamp, limits};

/// Whether another registration of an address is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationAdmission {
    /// It is accepted.
    Admitted,
    /// The limit is reached, and no further mail is sent. The answer is the same for free and taken addresses.
    Full {
        /// The end of the oldest registration.
        until: Timestamp,
    },
}

/// Whether a registration may be added to the `earlier` ones of the same address, expired or not.
///
/// Above the limit a new one is refused; it does not replace the oldest, because then any client could cause mail to an
/// address without limit. An owner who is blocked by this can still sign in by a password reset.
pub fn admit(earlier: &[Registration], now: Timestamp) -> RegistrationAdmission {
    let mut ends: Vec<_> = earlier.iter().filter(|one| one.is_live(now)).map(|one| one.expires_at).collect();
    ends.sort();
    match ends.len().checked_sub(limits::REGISTRATIONS_PER_ADDRESS).and_then(|first| ends.get(first)) {
        Some(until) => RegistrationAdmission::Full { until: *until },
        None => RegistrationAdmission::Admitted,
    }
}

/// The registration for which a code is sent again, or tried, when only the address is given: the newest one that is
/// not expired and can be verified.
pub fn newest_verifiable(registrations: &[Registration], now: Timestamp) -> Option<&Registration> {
    verifiable(registrations, now).max_by_key(|one| (one.created_at, one.id))
}

/// The registrations of an address that a code may belong to.
pub fn verifiable(registrations: &[Registration], now: Timestamp) -> impl Iterator<Item = &Registration> {
    registrations.iter().filter(move |one| one.is_verifiable(now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        domain::{auth::AddressState, user::Profile},
        types::{EmailAddress, id::UserId},
    };
    use uuid::Uuid;

    const LIFE: Duration = Duration::from_secs(24 * 3_600);

    fn at(hours: u64) -> Timestamp {
        Timestamp::ZERO.plus(Duration::from_secs(hours * 3_600))
    }

    fn registration(number: u128, hours: u64, address: AddressState) -> Registration {
        Registration {
            id: UserId::from(Uuid::from_u128(number)),
            email: EmailAddress::parse("ann@example.com").unwrap(),
            address,
            profile: Profile::default(),
            password_hash: String::new(),
            created_at: at(hours),
            expires_at: at(hours).plus(LIFE),
        }
    }

    #[test]
    fn three_live_at_once_and_a_fourth_when_the_first_has_ended() {
        for address in [AddressState::Free, AddressState::Taken] {
            let mut all = Vec::new();
            for number in 1..=3 {
                assert_eq!(admit(&all, at(3)), RegistrationAdmission::Admitted);
                all.push(registration(u128::from(number), number, address));
            }
            assert_eq!(admit(&all, at(3)), RegistrationAdmission::Full { until: at(25) });
            assert_eq!(admit(&all, at(25)), RegistrationAdmission::Admitted);
        }
    }

    #[test]
    fn a_code_goes_to_the_newest_that_can_be_verified() {
        let all = [
            registration(1, 1, AddressState::Free),
            registration(2, 5, AddressState::Free),
            registration(3, 9, AddressState::Taken),
        ];
        assert_eq!(newest_verifiable(&all, at(10)).map(|one| one.id), Some(all[1].id));
        assert_eq!(verifiable(&all, at(10)).count(), 2);
        assert_eq!(newest_verifiable(&all[..1], at(25)), None);
    }
}
