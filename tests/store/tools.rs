//! A clock that is moved by its caller, randomness from a seed, and short forms of writes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use majordomo::{
    domain::{
        auth::events::UserLoginFailed,
        event::{Event, Personal},
    },
    persistence::{Decision, Stop, Store, TxFault, Write, writer::step::StoreWriter},
    types::{CallContext, Clock, Entropy, Stamp, Timestamp, Work, id::UserId},
};

/// A clock that tests move.
pub struct Hand {
    start: Instant,
    moved: Mutex<Duration>,
    micros: AtomicI64,
}

impl Hand {
    #[expect(clippy::disallowed_methods, reason = "the clock of these tests has to begin somewhere")]
    pub fn new() -> Arc<Self> {
        let micros = AtomicI64::new(1_800_000_000_000_000);
        Arc::new(Self { start: Instant::now(), moved: Mutex::default(), micros })
    }

    /// Sets the time of day alone.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_micros(), Ordering::SeqCst);
    }

    pub fn advance(&self, by: Duration) {
        *self.moved.lock().unwrap() += by;
        self.micros.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
    fn instant(&self) -> Instant {
        self.start + *self.moved.lock().unwrap()
    }
}

/// Random bytes from a counter: never the same twice in a run, and the same in every run.
#[derive(Default)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// Another stream for each seed.
    pub fn of(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
            chunk.copy_from_slice(&next.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A store in memory whose writer is stepped by the test.
pub struct Bench {
    pub clock: Arc<Hand>,
    pub entropy: Seeded,
    pub store: Store,
    pub writer: StoreWriter,
}

impl Bench {
    pub fn new() -> Self {
        let (clock, entropy) = (Hand::new(), Seeded::default());
        let (store, writer) = Store::in_hand(clock.clone(), &entropy);
        Self { clock, entropy, store, writer }
    }

    pub fn write(&self) -> Write {
        write(self.clock.as_ref(), &self.entropy)
    }
}

/// The answer of a read, which the embedded store gives at once.
pub fn ready<T>(read: impl Future<Output = T>) -> T {
    read.now_or_never().expect("the embedded store answers at once")
}

/// The context of a transaction without a caller, with a deadline in 5 s.
pub fn write(clock: &dyn Clock, entropy: &dyn Entropy) -> Write {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    Write::new(
        Work::until(clock.instant() + Duration::from_secs(5)),
        Stamp { now: clock.now(), seed },
        CallContext::service("test", "request-1"),
    )
}

pub fn user(number: u128) -> UserId {
    UserId::from(uuid::Uuid::from_u128(number))
}

/// A failed login of a person who can be identified by the address.
pub fn failed_login(person: UserId, email: &str) -> Event {
    Event {
        subject: person,
        kind: UserLoginFailed { user: person }.into(),
        personal: Personal { email: Some(email.to_owned()), ..Personal::default() },
    }
}

/// If another user has the address or the name, the user is not written, which is no fault.
pub fn unless_taken<R>(decided: Decision<(), R>) -> Result<(), TxFault> {
    match decided {
        Ok(()) | Err(Stop::Refuse(_) | Stop::RefuseAndKeep(_)) => Ok(()),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}
