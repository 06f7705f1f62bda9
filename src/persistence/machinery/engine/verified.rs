//! The only way to the values of a tree: each is checked, and returned without its checksum.

use super::{ByteScan, EngineError, EngineView, Pair};
use crate::persistence::machinery::checksum;

/// A view that returns values without their checksums. A value that does not match its checksum is never returned: the
/// whole read fails with `EngineError::Damaged`.
pub struct VerifiedView<'a> {
    stored: Box<dyn EngineView + 'a>,
}

impl<'a> VerifiedView<'a> {
    /// The values of `stored`, which have their checksums.
    pub fn over(stored: Box<dyn EngineView + 'a>) -> Self {
        Self { stored }
    }
}

impl EngineView for VerifiedView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let Some(mut value) = self.stored.get(key)? else { return Ok(None) };
        checksum::strip(key, &mut value)?;
        Ok(Some(value))
    }

    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let mut pairs = self.stored.scan(scan)?;
        for (key, value) in &mut pairs {
            checksum::strip(key, value)?;
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::machinery::{
        Batch, Lsn, Operation,
        checksum::DamagedValue,
        engine::{Engine, mem::MemEngine},
    };

    #[test]
    fn a_damaged_value_is_returned_by_no_read() {
        let engine = MemEngine::new();
        let put = |key: &[u8], value: &[u8]| Operation::Put { key: key.to_vec(), value: value.to_vec() };
        let mut batch = Batch(vec![put(&[1, 1], b"a"), put(&[1, 2], b"b"), put(&[1, 3], b"c")]);
        checksum::append_all(&mut batch);
        engine.apply(&batch, Lsn(1)).unwrap();
        let all = ByteScan::all(9);
        let pairs = VerifiedView::over(engine.view().unwrap()).scan(&all).unwrap();
        assert_eq!(pairs[1], (vec![1, 2], b"b".to_vec()));
        engine.apply(&Batch(vec![put(&[1, 2], b"wrong")]), Lsn(2)).unwrap();
        let view = VerifiedView::over(engine.view().unwrap());
        let damaged = EngineError::Damaged(DamagedValue { key: vec![1, 2] });
        assert_eq!(view.scan(&all), Err(damaged.clone()));
        assert_eq!(view.get(&[1, 2]), Err(damaged));
        assert_eq!(view.get(&[1, 1]), Ok(Some(b"a".to_vec())));
    }
}
