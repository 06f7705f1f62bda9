//! Pages of lists.

use super::{Invalid, limits};

/// How many rows a caller wants: 1 to `limits::PAGE_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(usize);

impl PageLimit {
    /// Refuses zero and more than the maximum.
    pub fn new(rows: usize) -> Result<Self, Invalid> {
        if (1..=limits::PAGE_MAX).contains(&rows) {
            Ok(Self(rows))
        } else {
            Err(Invalid::told("out_of_range", format!("must be between 1 and {}", limits::PAGE_MAX)))
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

/// Rows, and where the next page begins (`None`: this was the last).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows, newest first unless said otherwise.
    pub rows: Vec<T>,
    /// The key to go on after.
    pub next: Option<C>,
}
