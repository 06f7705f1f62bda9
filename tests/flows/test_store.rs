//! A system in memory.

use std::{sync::Arc, time::Duration};

use majordomo::{
    domain::event::{Event, EventKind, EventType, Personal},
    persistence::{
        Store, Tx, TxFault, Write,
        events::{EVENTS, StoredEvent},
    },
    supervision::{ManualClock, SeededEntropy, System},
    types::{CallContext, Work, id::UserId},
};
use uuid::Uuid;

use crate::test_app::START;

pub const SECOND: Duration = Duration::from_secs(1);

/// A store, its system, and the clock of both.
pub struct TestStore {
    pub store: Store,
    pub system: System,
    pub clock: Arc<ManualClock>,
}

impl TestStore {
    /// Must be called within a runtime whose time is paused.
    pub fn new() -> Self {
        Self::over(|clock, entropy| Store::in_memory(clock, &*entropy))
    }

    /// With a store that `make` makes.
    pub fn over(make: impl FnOnce(Arc<ManualClock>, Arc<SeededEntropy>) -> Store) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START));
        let entropy = Arc::new(SeededEntropy::new(7));
        let store = make(clock.clone(), entropy.clone());
        Self { store, system: System::new(clock.clone(), entropy), clock }
    }

    pub async fn write<T: Send + 'static>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static) -> T {
        let work = Work::until(self.system.clock().instant() + 10 * SECOND);
        let write = Write::new(work, self.system.stamp(), CallContext::service("test", "request-1"));
        self.store.write(write, f).await.unwrap()
    }

    pub async fn emit(&self, kind: EventKind, subject: UserId, personal: Personal) {
        self.write(move |tx| {
            tx.emit(Event { subject, kind: kind.clone(), personal: personal.clone() })?;
            Ok(())
        })
        .await;
    }
}

/// The type of an event that this version of the program does not know.
pub const NEWER_EVENT: EventType = EventType::of(0x01fe);

/// Appends an event of a newer version.
pub fn append_newer_event(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    let event = StoredEvent {
        id: tx.id(),
        subject: tx.id(),
        time: tx.now(),
        correlation: "newer".to_owned(),
        causation: None,
        traceparent: None,
        kind: NEWER_EVENT,
        schema: 1,
        body: vec![0xff],
        personal: None,
    };
    tx.append(&EVENTS, &event)
}

/// A user with a number.
pub fn user(number: u128) -> UserId {
    UserId::from(Uuid::from_u128(number))
}

/// Waits until `holds` is true, for at most a minute of the test's time.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..60_000 {
        if holds() {
            return;
        }
        ticks.tick().await;
    }
    panic!("waited in vain until {what}");
}
