//! A store over a data directory, stepped by hand, with a key ring; and random acts on it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::FutureExt as _;
use majordomo::{
    domain::{
        audit::{AuditRecord, AuditResult},
        auth::actions::AuthAction,
    },
    persistence::{
        Decision, KeyLoss, OpenFault, Options, ReplayCheck, Store, Tx, TxFault,
        base::Opening,
        engine::{ByteScan, EngineKind},
        opening_watch::OpeningWatch,
        persons,
        reader::ByteReader as _,
        refuse,
        tables::{self, outcome::OutcomeKey},
        writer::step::StoreWriter,
    },
    types::{Failure, Fault, Timestamp},
};

use crate::{
    samples::{a_code, a_session, a_user},
    test_disk::{State, TestDisk},
    tools::{Seeded, failed_login, ready, unless_taken, user, write},
};

/// A data directory and a key ring.
pub struct TestStore {
    pub disk: TestDisk,
    pub ring: PathBuf,
    stamps: Seeded,
    _keys: tempfile::TempDir,
}

impl TestStore {
    pub fn real(engine: EngineKind) -> Self {
        Self::over(TestDisk::real(engine))
    }

    pub fn simulated() -> Self {
        Self::over(TestDisk::simulated())
    }

    fn over(disk: TestDisk) -> Self {
        let keys = tempfile::tempdir().unwrap();
        Self { disk, ring: keys.path().join("key_ring"), stamps: Seeded::default(), _keys: keys }
    }

    pub fn options(&self, key_loss: KeyLoss) -> Options {
        Options {
            settings: self.disk.settings.clone(),
            environment: self.disk.environment.clone(),
            key_ring: self.ring.clone(),
            key_loss,
            replay_check: ReplayCheck::Twice,
            watch: OpeningWatch::default(),
        }
    }

    pub fn try_open(&self, key_loss: KeyLoss) -> Result<OpenStore<'_>, OpenFault> {
        let (store, writer, opening) = Store::open_in_hand(self.options(key_loss))?;
        Ok(OpenStore { test_store: self, store, writer, opening })
    }

    pub fn open(&self) -> OpenStore<'_> {
        self.try_open(KeyLoss::Refuse).unwrap()
    }

    /// Every file of the data directory.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.disk.settings.dir, &mut files);
        files
    }
}

fn collect(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let content = std::fs::read(&path).unwrap();
            files.insert(path, content);
        }
    }
}

/// An open store.
pub struct OpenStore<'a> {
    test_store: &'a TestStore,
    pub store: Store,
    pub writer: StoreWriter,
    /// What was found and done by the opening.
    pub opening: Opening,
}

impl<'a> OpenStore<'a> {
    /// A store that was opened elsewhere.
    pub fn of(test_store: &'a TestStore, (store, writer, opening): (Store, StoreWriter, Opening)) -> Self {
        Self { test_store, store, writer, opening }
    }

    /// Runs one transaction in a group of its own.
    pub fn commit<T: Send + 'static>(
        &mut self,
        f: impl Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut answer = Box::pin(self.store.write(self.write(), f));
        if let Some(early) = answer.as_mut().now_or_never() {
            return early;
        }
        self.writer.step();
        answer.now_or_never().expect("an answer after the step")
    }

    /// Runs one transaction that may refuse, in a group of its own.
    pub fn decide<T: Send + 'static, R: Send + 'static>(
        &mut self,
        f: impl Fn(&mut Tx<'_>) -> Decision<T, R> + Send + 'static,
    ) -> Result<T, Failure<R>> {
        let mut answer = Box::pin(self.store.decide(self.write(), f));
        if let Some(early) = answer.as_mut().now_or_never() {
            return early;
        }
        self.writer.step();
        answer.now_or_never().expect("an answer after the step")
    }

    pub fn write(&self) -> majordomo::persistence::Write {
        write(self.test_store.disk.clock.as_ref(), &self.test_store.stamps)
    }

    /// Lets the writer take a checkpoint, and take over a rebuilt tree.
    pub fn tend(&mut self) {
        self.test_store.disk.clock.advance(Duration::from_secs(2));
        self.writer.checkpoint();
    }

    pub fn close(mut self) {
        self.writer.finish();
    }

    /// All bytes of all tables.
    pub fn contents(&self) -> State {
        let read = |scan: ByteScan| ready(self.store.read(move |view| Ok(view.scan_bytes(&scan)?))).unwrap();
        let mut state = State::new();
        let mut scan = ByteScan::all(100);
        loop {
            let page = read(scan.clone());
            let Some((last, _)) = page.last() else { return state };
            scan = scan.after(last.clone());
            state.extend(page);
        }
    }

    /// A random act; `at` and `dice` choose it.
    pub fn act(&mut self, at: u32, dice: u32) -> Result<(), Fault> {
        let now = self.test_store.disk.environment.clock.now();
        self.test_store.disk.clock.advance(Duration::from_millis(3));
        // Every eleventh act is refused after it has written: none of its writes is committed.
        let decided = self.decide(move |tx| {
            act(tx, at, dice, now)?;
            if dice.is_multiple_of(11) { refuse(()) } else { Ok(()) }
        });
        match decided {
            Ok(()) | Err(Failure::Refused(())) => Ok(()),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }
}

fn act(tx: &mut Tx<'_>, at: u32, dice: u32, now: Timestamp) -> Result<(), TxFault> {
    let person = user(u128::from(dice % 5));
    match dice % 7 {
        // A user is inserted once: the index rows of one that is there would stay.
        0 if tables::user::find(tx, person)?.is_none() => {
            unless_taken(tables::user::insert(tx, &a_user(person, dice % 9, now)))?;
        }
        0 | 1 => {
            unless_taken(tables::user::update(tx, &a_user(person, dice % 8, now)))?;
        }
        2 => tables::user::remove(tx, person)?,
        3 => {
            let session = a_session(tx, person, now);
            tables::session::insert(tx, &session)?;
        }
        4 => {
            let code = a_code(tx, person, now);
            tables::code::put(tx, &code)?;
        }
        5 => {
            for session in tables::session::of_user(tx, person)? {
                tables::session::remove(tx, session.id)?;
            }
            persons::erase(tx, person)?;
        }
        _ => {
            let key = OutcomeKey { principal: person.to_string(), key: format!("key-{}", dice % 3) };
            tables::outcome::remember(tx, &key, [1; 32], at.to_be_bytes().into())?;
        }
    }
    tx.emit(failed_login(person, "somebody@example.com"))?;
    tx.audit(AuditRecord {
        action: AuthAction::Login.into(),
        result: AuditResult::Done,
        subject: Some(person),
        detail: format!("act={at}"),
    })
}
