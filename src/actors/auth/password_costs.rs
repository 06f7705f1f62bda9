//! The cost of a login with an identifier that no user has: one of the costs of the hashes in the store.
//!
//! After an increase of the settings of hashes, users keep their old hashes until they sign in. An unknown identifier
//! gets each cost with the frequency that it has among users, and the same one while the shares are, so that the time
//! of an answer does not reveal whether a user has the identifier.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{AuthContext, identifiers};
use crate::{
    crypto::password::PasswordCost,
    persistence::tables::user,
    types::{Fault, limits},
};

/// The costs of a sample of users, read again after `limits::PASSWORD_COSTS_FRESH`.
#[derive(Default)]
pub(super) struct PasswordCosts {
    sample: Mutex<Option<CostSample>>,
}

struct CostSample {
    fresh_until: Instant,
    shares: CostShares,
}

/// The number of users with each cost, the cheapest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CostShares(Vec<(PasswordCost, u64)>);

impl CostShares {
    fn of(costs: impl Iterator<Item = PasswordCost>) -> Self {
        let mut counts = BTreeMap::new();
        for cost in costs {
            let key = (u64::from(cost.memory_kib) * u64::from(cost.passes), cost.memory_kib, cost.lanes);
            counts.entry(key).or_insert((cost, 0)).1 += 1;
        }
        Self(counts.into_values().collect())
    }

    /// The cost at a place that is drawn evenly from all `u64`; `None` without users.
    fn at(&self, place: u64) -> Option<PasswordCost> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        // The place as a number below `all`.
        let mut left = u64::try_from((u128::from(place) * u128::from(all)) >> 64).unwrap_or(0);
        self.0.iter().find_map(|(cost, count)| match left.checked_sub(*count) {
            None => Some(*cost),
            Some(rest) => {
                left = rest;
                None
            }
        })
    }
}

impl PasswordCosts {
    /// The cost for an identifier that no user has.
    pub(super) async fn of_unknown(&self, context: &AuthContext, identifier: &str) -> Result<PasswordCost, Fault> {
        let place = identifiers::place(&context.keys.identifier, identifier);
        let now = context.system.clock().instant();
        let without_users = context.hasher.cost();
        if let Some(sample) = self.sample().as_ref().filter(|sample| now < sample.fresh_until) {
            return Ok(sample.shares.at(place).unwrap_or(without_users));
        }
        let most = limits::PASSWORD_COSTS_SAMPLE;
        let hashes = context.store.read(move |view| user::some_password_hashes(view, most)).await?;
        let shares = CostShares::of(hashes.iter().filter_map(|hash| context.hasher.cost_of(hash)));
        let chosen = shares.at(place).unwrap_or(without_users);
        *self.sample() = Some(CostSample { fresh_until: now + limits::PASSWORD_COSTS_FRESH, shares });
        Ok(chosen)
    }

    fn sample(&self) -> std::sync::MutexGuard<'_, Option<CostSample>> {
        // It is replaced as a whole.
        self.sample.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_chosen_as_often_as_users_have_them() {
        let cost = |passes| PasswordCost { memory_kib: 8, passes, lanes: 1 };
        let shares = CostShares::of([3, 1, 3, 3].map(cost).into_iter());
        let chosen = |quarter: u64| shares.at(quarter << 62).map(|cost| cost.passes);
        assert_eq!([0, 1, 2, 3].map(chosen), [1, 3, 3, 3].map(Some));
        assert_eq!((shares.at((1 << 62) - 1), shares.at(u64::MAX)), (Some(cost(1)), Some(cost(3))));
        assert_eq!(CostShares::default().at(7), None);
    }
}
