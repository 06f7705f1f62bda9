//! Reading durable state.

use super::{
    engine::{ByteScan, EngineError, EngineView as _, Pair, verified::VerifiedView},
    keyring::Keyring,
    reader::ByteReader,
};

/// The state after a commit: applied and durable, never half of one.
pub struct View<'a> {
    pub(super) engine: VerifiedView<'a>,
    pub(super) ring: &'a Keyring,
}

impl ByteReader for View<'_> {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn scan_bytes(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        self.engine.scan(scan)
    }

    fn ring(&self) -> &Keyring {
        self.ring
    }
}
