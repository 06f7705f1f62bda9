//! A data directory for tests: on a simulated disk or a real one, with a boot id that can be changed.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use majordomo::{
    persistence::{
        Batch, Lsn, Operation,
        base::{Base, Commit, OpenError},
        engine::{ByteScan, Engine, EngineKind, EngineView, Pair, verified::VerifiedView},
        format::Seal,
        fs::RealFs,
        journal::frame::FrameTime,
        keyring::Keyring,
        settings::{BootId, StoreEnvironment, StoreSettings, Tuning},
    },
    types::Clock,
};

use crate::{
    sim_fs::SimFs,
    tools::{Hand, Seeded},
};

/// The state of a tree.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// A data directory.
pub struct TestDisk {
    pub settings: StoreSettings,
    pub environment: StoreEnvironment,
    pub clock: Arc<Hand>,
    pub sim: SimFs,
    /// Removed when the disk is dropped.
    #[expect(dead_code, reason = "dropping it removes the directory")]
    pub temporary: Option<tempfile::TempDir>,
}

pub fn seal() -> Seal {
    Seal { ring_fingerprint: "ring".to_owned(), check_value: "check".to_owned() }
}

/// A key ring for snapshots.
pub fn ring() -> Option<Arc<Keyring>> {
    Some(Arc::new(Keyring::generate(&Seeded::default(), Hand::new().now())))
}

impl TestDisk {
    /// On a simulated disk, with the tree in memory and small segments.
    pub fn simulated() -> Self {
        let (clock, sim) = (Hand::new(), SimFs::new());
        let environment = StoreEnvironment {
            fs: Arc::new(sim.clone()),
            clock: clock.clone(),
            entropy: Arc::new(Seeded::default()),
            ring: ring(),
        };
        let settings = settings(PathBuf::from("/simulated/store"), EngineKind::Mem);
        Self { settings, environment, clock, sim, temporary: None }
    }

    /// In a temporary directory.
    pub fn real(engine: EngineKind) -> Self {
        let (clock, temporary) = (Hand::new(), tempfile::tempdir().unwrap());
        let environment = StoreEnvironment {
            fs: Arc::new(RealFs),
            clock: clock.clone(),
            entropy: Arc::new(Seeded::default()),
            ring: ring(),
        };
        let settings = settings(temporary.path().join("store"), engine);
        Self { settings, environment, clock, sim: SimFs::new(), temporary: Some(temporary) }
    }

    pub fn open(&self) -> Result<Base, OpenError> {
        Base::open(&self.settings, self.environment.clone(), |_| Ok(seal()))
    }

    /// Starts another run of the machine.
    pub fn reboot(&mut self) {
        self.settings.boot.0.push('+');
    }

    pub fn journal(&self) -> PathBuf {
        self.settings.dir.join("journal")
    }

    /// Commits the groups, each with one sync, and applies them.
    pub fn commit(&self, base: &mut Base, groups: &[Vec<Batch>]) {
        for group in groups {
            self.clock.advance(Duration::from_millis(1));
            let durable = base.commit(self.commits(group)).unwrap();
            base.apply(durable).unwrap();
        }
    }

    pub fn commits(&self, group: &[Batch]) -> Vec<Commit> {
        let time = self.clock.now();
        group.iter().map(|batch| Commit { time, step: FrameTime::Onward, batch: batch.clone() }).collect()
    }
}

fn settings(dir: PathBuf, engine: EngineKind) -> StoreSettings {
    let tuning = Tuning { segment_bytes: 4_096, ballast_bytes: 0, ..Tuning::default() };
    StoreSettings { dir, engine, boot: BootId("boot".to_owned()), lock_wait: Duration::ZERO, tuning }
}

/// All pairs of all tables, with the values that were committed.
pub fn contents(engine: &dyn Engine) -> State {
    pairs(&VerifiedView::over(engine.view().unwrap()))
}

/// All pairs of all tables, with the values as they are stored.
pub fn stored(engine: &dyn Engine) -> State {
    pairs(&*engine.view().unwrap())
}

fn pairs(view: &dyn EngineView) -> State {
    let mut found = State::new();
    let mut scan = ByteScan::all(7);
    loop {
        let page: Vec<Pair> = view.scan(&scan).unwrap();
        let Some((last, _)) = page.last() else { return found };
        scan = scan.after(last.clone());
        found.extend(page);
    }
}

/// A random history: groups of commits over few keys, so that they are overwritten often.
pub struct History {
    pub groups: Vec<Vec<Batch>>,
    /// The state after each commit; the first is the empty one.
    pub states: Vec<State>,
}

impl History {
    pub fn new(seed: u64, groups: usize) -> Self {
        let mut dice = Dice(seed);
        let mut states = vec![State::new()];
        let mut made = Vec::new();
        for _ in 0..groups {
            let group: Vec<Batch> = (0..1 + dice.below(4)).map(|_| dice.batch()).collect();
            for batch in &group {
                let mut state = states.last().unwrap().clone();
                apply(&mut state, batch);
                states.push(state);
            }
            made.push(group);
        }
        Self { groups: made, states }
    }

    pub fn last(&self) -> &State {
        self.states.last().unwrap()
    }

    /// The last commit of the first `groups` groups.
    pub fn lsn_after(&self, groups: usize) -> Lsn {
        Lsn(self.groups[..groups].iter().map(|group| group.len() as u64).sum())
    }
}

pub fn apply(state: &mut State, batch: &Batch) {
    for operation in &batch.0 {
        match operation {
            Operation::Put { key, value } => state.insert(key.clone(), value.clone()),
            Operation::Delete { key } => state.remove(key),
        };
    }
}

/// Repeatable random numbers.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub fn bytes(&mut self, longest: u64) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.below(256) as u8).collect()
    }

    fn batch(&mut self) -> Batch {
        Batch((0..1 + self.below(5)).map(|_| self.operation()).collect())
    }

    fn operation(&mut self) -> Operation {
        let key = vec![1 + self.below(3) as u8, self.below(8) as u8, self.below(8) as u8];
        if self.below(4) == 0 {
            Operation::Delete { key }
        } else {
            let longest = if self.below(20) == 0 { 1_500 } else { 60 };
            Operation::Put { key, value: self.bytes(longest) }
        }
    }
}

/// One put.
pub fn put(key: u64, value: &str) -> Batch {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&key.to_be_bytes());
    Batch(vec![Operation::Put { key: bytes, value: value.as_bytes().to_vec() }])
}
