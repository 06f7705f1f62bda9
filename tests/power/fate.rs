//! What a stop of the machine leaves of changes that were not synced.

use crate::repeat::Dice;

/// What is left of a file's or a directory's unsynced changes.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    All,
    None,
    /// The first ones, in their order.
    First(usize),
    /// Each page has any of its versions; each name is changed or not.
    Pages,
    /// Each sector has any of its versions.
    Sectors,
    /// All but a few pages or names.
    Most,
    /// A few pages or names.
    Few,
}

impl Fate {
    /// Any of `changes` changes.
    pub fn pick(changes: usize, dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::All,
            1 => Self::None,
            2 | 3 => Self::First(dice.below(changes + 1)),
            4 => Self::Pages,
            5 => Self::Sectors,
            6 => Self::Most,
            _ => Self::Few,
        }
    }

    /// For each of `sectors` sectors of one page, how many of the `changes` to the page it has.
    pub fn of_sectors(self, changes: &[usize], sectors: usize, dice: &mut Dice) -> Vec<usize> {
        let whole = |count: usize| vec![count; sectors];
        let count = changes.len();
        match self {
            Self::All => whole(count),
            Self::None => whole(0),
            Self::First(first) => whole(changes.iter().filter(|change| **change < first).count()),
            Self::Pages => whole(dice.below(count + 1)),
            Self::Sectors => (0..sectors).map(|_| dice.below(count + 1)).collect(),
            Self::Most if dice.one_in(10) => whole(dice.below(count + 1)),
            Self::Most => whole(count),
            Self::Few if dice.one_in(10) => whole(dice.below(count + 1)),
            Self::Few => whole(0),
        }
    }

    /// Whether the change of names number `at` is left.
    pub fn keeps_name(self, at: usize, dice: &mut Dice) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::First(first) => at < first,
            Self::Pages | Self::Sectors => dice.one_in(2),
            Self::Most => !dice.one_in(10),
            Self::Few => dice.one_in(10),
        }
    }
}
