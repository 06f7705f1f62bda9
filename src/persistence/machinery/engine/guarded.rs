//! An engine whose panics are errors: a damaged tree is replaced, and ends no thread.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use super::{ByteScan, Engine, EngineError, EngineStats, EngineView, Pair};
use crate::persistence::machinery::{Batch, Lsn};

/// An engine in another one's place, which calls it and catches its panics. After an error nothing may be concluded
/// from the tree: it may hold a part of a change.
pub struct GuardedEngine {
    name: &'static str,
    /// `None` only while this is dropped.
    inner: Option<Box<dyn Engine>>,
}

impl GuardedEngine {
    /// Opens an engine with `open`.
    pub fn open<E: Engine + 'static>(
        name: &'static str,
        dir: &Path,
        open: impl FnOnce(&Path) -> Result<E, EngineError>,
    ) -> Result<Self, EngineError> {
        let inner = guard(name, "opening its files", || open(dir))?;
        Ok(Self { name, inner: Some(Box::new(inner)) })
    }

    fn call<T>(
        &self,
        step: &'static str,
        call: impl FnOnce(&dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let inner = self.inner.as_deref().ok_or_else(|| EngineError::new(self.name, "is closed"))?;
        guard(self.name, step, || call(inner))
    }
}

/// Runs `call`; a panic in it is an error that names `step`.
fn guard<T>(
    name: &'static str,
    step: &'static str,
    call: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    // The caller uses the tree no further after an error.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let reason = text.unwrap_or("no reason").lines().next().unwrap_or_default();
        Err(EngineError::new(name, format!("panicked while {step}: {reason}")))
    })
}

impl Drop for GuardedEngine {
    fn drop(&mut self) {
        let inner = self.inner.take();
        // sled writes what is left when it is closed, which may fail on damaged files as any other step.
        if guard(self.name, "closing its files", move || {
            drop(inner);
            Ok(())
        })
        .is_err()
        {
            tracing::warn!(engine = self.name, "the engine panicked while it was closed");
        }
    }
}

impl Engine for GuardedEngine {
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
        let inner = self.inner.as_deref().ok_or_else(|| EngineError::new(self.name, "is closed"))?;
        let view = guard(self.name, "beginning a read", || inner.view())?;
        Ok(Box::new(GuardedView { name: self.name, view }))
    }

    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError> {
        self.call("applying a group", |inner| inner.apply(operations, lsn))
    }

    fn applied(&self) -> Result<Option<Lsn>, EngineError> {
        self.call("reading the last commit", |inner| inner.applied())
    }

    fn checkpoint(&self) -> Result<(), EngineError> {
        self.call("taking a checkpoint", |inner| inner.checkpoint())
    }

    fn stats(&self) -> EngineStats {
        let stats = self.call("measuring its files", |inner| Ok(inner.stats()));
        stats.unwrap_or(EngineStats { name: self.name, disk_bytes: 0 })
    }
}

struct GuardedView<'a> {
    name: &'static str,
    view: Box<dyn EngineView + 'a>,
}

impl EngineView for GuardedView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        guard(self.name, "reading a key", || self.view.get(key))
    }

    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        guard(self.name, "scanning", || self.view.scan(scan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Panicking;

    impl Engine for Panicking {
        fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
            Ok(Box::new(Self))
        }
        fn apply(&self, _: &Batch, _: Lsn) -> Result<(), EngineError> {
            panic!("torn")
        }
        fn applied(&self) -> Result<Option<Lsn>, EngineError> {
            panic!("torn")
        }
        fn checkpoint(&self) -> Result<(), EngineError> {
            panic!("torn")
        }
        fn stats(&self) -> EngineStats {
            panic!("torn")
        }
    }

    impl EngineView for Panicking {
        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
            panic!("torn")
        }
        fn scan(&self, _: &ByteScan) -> Result<Vec<Pair>, EngineError> {
            panic!("torn")
        }
    }

    impl Drop for Panicking {
        fn drop(&mut self) {
            panic!("torn")
        }
    }

    #[test]
    fn a_panic_in_any_call_is_an_error_that_names_the_step() {
        let engine = GuardedEngine::open("torn", Path::new("."), |_| Ok(Panicking)).unwrap();
        let reasons = [
            engine.apply(&Batch::default(), Lsn(1)).unwrap_err(),
            engine.applied().unwrap_err(),
            engine.checkpoint().unwrap_err(),
        ];
        for reason in reasons {
            assert!(reason.to_string().contains("panicked while") && reason.to_string().contains("torn"), "{reason}");
        }
        assert_eq!(engine.stats().disk_bytes, 0);
        // A panic in the end of the view would end the test; only the engine's own end is guarded.
        let view = std::mem::ManuallyDrop::new(engine.view().unwrap());
        assert!(view.get(b"key").is_err() && view.scan(&ByteScan::all(1)).is_err());
        let opened = GuardedEngine::open("torn", Path::new("."), |_| -> Result<Panicking, _> { panic!("torn") });
        assert!(opened.is_err());
        drop(engine);
    }
}
