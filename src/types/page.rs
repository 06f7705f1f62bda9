//! Pages of lists.

use super::{Invalid, limits};

/// The number of rows of a page: 1 to `limits::PAGE_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(usize);

impl PageLimit {
    /// Refuses 0 and more than `limits::PAGE_MAX`.
    pub fn new(rows: usize) -> Result<Self, Invalid> {
        if (1..=limits::PAGE_MAX).contains(&rows) {
            Ok(Self(rows))
        } else {
            Err(Invalid::detailed("out_of_range", format!("must be between 1 and {}", limits::PAGE_MAX)))
        }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(limits::PAGE_DEFAULT)
    }
}

/// Rows, and the place of the next page (`None`: this was the last).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows, newest first unless stated otherwise.
    pub rows: Vec<T>,
    /// The key after which the next page begins.
    pub next: Option<C>,
}
