//! The rules on registrations: how many may live at once, how long, and which one a code is sent for.

use super::{AddressState, Registration};
use crate::types::{Timestamp, limits};

/// Whether one more registration of an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationAdmission {
    /// It is.
    Admitted,
    /// So many are live that no further mail may be caused. The same for free addresses and taken ones.
    Full {
        /// When the oldest one ends.
        until: Timestamp,
    },
}

/// Whether a registration may join `earlier` ones of the same address, live or not.
///
/// Further ones are refused rather than put in the place of the oldest: a stranger could otherwise have a code mailed
/// to an address without end. An owner who is shut out so can still enter by resetting the password.
pub fn admit(earlier: &[Registration], now: Timestamp) -> RegistrationAdmission {
    let mut ends: Vec<_> = earlier.iter().filter(|one| one.is_live(now)).map(|one| one.expires_at).collect();
    ends.sort();
    match ends.len().checked_sub(limits::REGISTRATIONS_PER_ADDRESS).and_then(|first| ends.get(first)) {
        Some(until) => RegistrationAdmission::Full { until: *until },
        None => RegistrationAdmission::Admitted,
    }
}

/// For which registration of an address a code is sent again, or tried, when only the address is named: the newest
/// that lives and can be verified.
pub fn newest_verifiable(registrations: &[Registration], now: Timestamp) -> Option<&Registration> {
    verifiable(registrations, now).max_by_key(|one| (one.created_at, one.id))
}

/// The registrations of an address that a code may belong to.
pub fn verifiable(registrations: &[Registration], now: Timestamp) -> impl Iterator<Item = &Registration> {
    registrations.iter().filter(move |one| {
        one.is_live(now)
            && match one.address {
                AddressState::Free => true,
                AddressState::Taken => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        domain::user::Profile,
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
