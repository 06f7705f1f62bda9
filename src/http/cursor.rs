//! Cursors: opaque positions of the next page of a list, bound to the list and its filters.
//!
//! Content: `base64url(check[8] | key)`. The check is a hash of the list's path and filters, which detects a cursor
//! that is used with another list or filter by mistake. It is no protection: the key only states where the scan
//! continues, and the permission is checked for every row.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::error::{ApiError, ProblemCode};
use crate::types::limits;

const CHECK: usize = 8;

/// The list that a cursor belongs to: its path and filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding([u8; CHECK]);

impl Binding {
    /// The order of the filters has no effect.
    pub fn new<'a>(path: &str, filters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut filters: Vec<_> = filters.into_iter().collect();
        filters.sort_unstable();
        let mut hash = Sha256::new();
        for part in std::iter::once(path).chain(filters.iter().flat_map(|(name, value)| [*name, *value])) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut check = [0; CHECK];
        check.copy_from_slice(&hash.finalize()[..CHECK]);
        Self(check)
    }

    /// The cursor that continues after `key`.
    pub fn seal(&self, key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&self.0[..], key].concat())
    }

    /// The key inside the cursor. Error: 400 `invalid_cursor`.
    pub fn open(&self, cursor: &str) -> Result<Vec<u8>, ApiError> {
        let refused = || ApiError::new(ProblemCode::InvalidCursor);
        if cursor.len() > 2 * (CHECK + limits::CURSOR_KEY_MAX) {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        match bytes.split_at_checked(CHECK) {
            Some((check, key)) if check == self.0 && key.len() <= limits::CURSOR_KEY_MAX => Ok(key.to_vec()),
            Some(_) | None => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Binding;

    #[test]
    fn a_cursor_opens_only_where_it_was_made() {
        let list = Binding::new("/users", [("role", "admin"), ("status", "active")]);
        let cursor = list.seal(b"key");
        assert_eq!(Binding::new("/users", [("status", "active"), ("role", "admin")]).open(&cursor).unwrap(), b"key");
        assert!(Binding::new("/users", [("role", "admin")]).open(&cursor).is_err());
        assert!(Binding::new("/audit", [("role", "admin"), ("status", "active")]).open(&cursor).is_err());
        for made_up in ["", "AA", "not base64!", &"A".repeat(10_000)] {
            assert!(list.open(made_up).is_err());
        }
    }
}
