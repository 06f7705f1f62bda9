//! Trees whose files were cut, zeroed, overwritten or removed: each start ends, by itself and without a panic, in a
//! store that has every commit.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use majordomo::persistence::{
    Batch, Operation,
    base::{Base, TreeState},
    engine::{ByteScan, Engine, EngineError, EngineKind, EngineView as _, verified::VerifiedView},
    layout::Layout,
    tree_mark::TreeMark,
};

use crate::test_disk::{Dice, History, State, TestDisk, apply};

const BLOCK: usize = 4_096;

/// One way to damage a file. The names are those of the table below.
type Mutilation = (&'static str, fn(&mut Vec<u8>));

const TABLE: &[Mutilation] = &[
    ("cut to nothing", |bytes| bytes.clear()),
    ("cut to its first byte", |bytes| bytes.truncate(1)),
    ("cut to half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("cut by seven bytes", |bytes| bytes.truncate(bytes.len().saturating_sub(7))),
    ("zeroed", |bytes| bytes.fill(0)),
    ("its first block zeroed", |bytes| bytes.iter_mut().take(BLOCK).for_each(|byte| *byte = 0)),
    ("a block in the middle zeroed", |bytes| {
        let middle = bytes.len() / 2;
        bytes.iter_mut().skip(middle).take(BLOCK).for_each(|byte| *byte = 0);
    }),
    ("its last block zeroed", |bytes| bytes.iter_mut().rev().take(BLOCK).for_each(|byte| *byte = 0)),
    ("ones", |bytes| bytes.fill(0xff)),
    ("random bytes", |bytes| {
        let mut dice = Dice(bytes.len() as u64);
        bytes.iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
    }),
    ("a hundred random bytes", |bytes| {
        let mut dice = Dice(7);
        let length = bytes.len().max(1) as u64;
        for _ in 0..100 {
            let at = dice.below(length) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = dice.below(256) as u8;
            }
        }
    }),
    ("every page begun with garbage", |bytes| {
        let mut dice = Dice(9);
        for byte in bytes.chunks_mut(BLOCK).flat_map(|page| page.iter_mut().take(16)) {
            *byte = dice.below(256) as u8;
        }
    }),
    ("its halves exchanged", |bytes| {
        let middle = bytes.len() / 2;
        bytes.rotate_left(middle);
    }),
];

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// All pairs, or the error of the first read that fails.
fn read_all(engine: &dyn Engine) -> Result<State, EngineError> {
    let mut found = State::new();
    let mut scan = ByteScan::all(50);
    loop {
        let page = VerifiedView::over(engine.view()?).scan(&scan)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        scan = scan.after(last.clone());
        found.extend(page);
    }
}

fn bulky(dice: &mut Dice) -> Operation {
    let key = [vec![9], dice.below(1 << 30).to_be_bytes().to_vec()].concat();
    Operation::Put { key, value: dice.bytes(600) }
}

/// What the starts on a damaged tree did.
#[derive(Default)]
struct Tally {
    /// The tree was replaced before the store was open.
    at_the_start: usize,
    /// A read failed, and the next start replaced the tree.
    at_a_read: usize,
    /// Nothing was noticed, and nothing was wrong.
    harmless: usize,
    /// Nothing was noticed, and a value was wrong or missing.
    unnoticed: usize,
}

struct Case {
    disk: TestDisk,
    pristine: PathBuf,
    state: State,
}

impl Case {
    fn new(kind: EngineKind, closed: bool) -> Self {
        let disk = TestDisk::real(kind);
        let mut history = History::new(11, 300);
        let mut dice = Dice(12);
        for _ in 0..40 {
            // Enough for several segments of sled and many pages of redb.
            let batch = Batch((0..100).map(|_| bulky(&mut dice)).collect());
            let mut state = history.last().clone();
            apply(&mut state, &batch);
            history.states.push(state);
            history.groups.push(vec![batch]);
        }
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups);
        if closed {
            base.close_clean().unwrap();
        } else {
            drop(base);
        }
        let pristine = disk.settings.dir.with_file_name("pristine");
        copy(&disk.settings.dir, &pristine);
        Self { disk, pristine, state: history.last().clone() }
    }

    fn tree(&self) -> PathBuf {
        self.disk.settings.dir.join(format!("tree-000001.{}", self.disk.settings.engine.name()))
    }

    /// Damages the tree with `damage`, and starts until the store has everything.
    fn survives(&self, what: &str, damage: impl FnOnce(&Path), tally: &mut Tally) {
        fs::remove_dir_all(&self.disk.settings.dir).unwrap();
        copy(&self.pristine, &self.disk.settings.dir);
        damage(&self.tree());
        let base = self.open(what);
        match read_all(&**base.engine()) {
            Ok(state) if state == self.state => match base.opening().tree {
                TreeState::Trusted => tally.harmless += 1,
                TreeState::Rebuilt { .. } => tally.at_the_start += 1,
            },
            // A key is missing or displaced, which a walk over the store finds, not a read.
            Ok(_) => {
                assert_eq!(base.opening().tree, TreeState::Trusted, "{what}: a rebuilt tree is wrong");
                tally.unnoticed += 1;
            }
            Err(error) => {
                assert_eq!(base.opening().tree, TreeState::Trusted, "{what}: a rebuilt tree fails: {error}");
                drop(base);
                let mark = TreeMark { tree: None, reason: error.to_string(), value: None };
                mark.write(&*self.disk.environment.fs, &Layout::new(&self.disk.settings.dir)).unwrap();
                assert_eq!(read_all(&**self.open(what).engine()).unwrap(), self.state, "{what}: after a rebuild");
                tally.at_a_read += 1;
            }
        }
    }

    fn open(&self, what: &str) -> Base {
        let opened = catch_unwind(AssertUnwindSafe(|| self.disk.open()));
        opened
            .unwrap_or_else(|_| panic!("{what}: the start panicked"))
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }
}

fn survive_all(kind: EngineKind) {
    let mut tally = Tally::default();
    for closed in [true, false] {
        let case = Case::new(kind, closed);
        let names: Vec<_> =
            files_below(&case.tree()).iter().map(|path| path.strip_prefix(case.tree()).unwrap().to_owned()).collect();
        for name in &names {
            for (what, mutilate) in TABLE {
                let what = format!("{}, {}, closed {closed}: {what}", kind.name(), name.display());
                let damage = |tree: &Path| {
                    let mut bytes = fs::read(tree.join(name)).unwrap();
                    mutilate(&mut bytes);
                    fs::write(tree.join(name), bytes).unwrap();
                };
                case.survives(&what, damage, &mut tally);
            }
            let what = format!("{}, {}, closed {closed}: removed", kind.name(), name.display());
            case.survives(&what, |tree| fs::remove_file(tree.join(name)).unwrap(), &mut tally);
        }
        let half = |tree: &Path| fs::write(tree.join("snap.00000000000000000042.generating"), b"half").unwrap();
        case.survives("an unfinished snapshot of the engine", half, &mut tally);
    }
    let Tally { at_the_start, at_a_read, harmless, unnoticed } = tally;
    println!(
        "{}: {at_the_start} at the start, {at_a_read} at a read, {harmless} harmless, {unnoticed} unnoticed",
        kind.name()
    );
    assert!(at_the_start >= 10, "the table damages nothing");
}

#[test]
fn every_mutilation_of_a_sled_tree_ends_in_a_store_with_every_commit() {
    survive_all(EngineKind::Sled);
}

#[test]
fn every_mutilation_of_a_redb_tree_ends_in_a_store_with_every_commit() {
    survive_all(EngineKind::Redb);
}
