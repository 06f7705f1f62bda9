//! One bit is flipped in every region of every file: a damaged value is never answered, and a lost or displaced row is
//! found by the walk of a snapshot or by `store check`.
//!
//! `cargo test` flips a sample; `MAJORDOMO_FLIPS=2000` (`just flip`) flips as many bits of each engine's files. The
//! figures are printed: `docs/reliability.md` has those of a long run.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use majordomo::persistence::{
    KeyLoss, Store, TxFault,
    base::TreeState,
    check::check,
    content,
    engine::{EngineKind, EngineView},
    keyring::Keyring,
    reader::ByteReader as _,
};

use crate::{
    check::scope,
    damaged_values::{ON_DISK, copy_dir},
    test_disk::{Dice, State},
    test_store::{OpenStore, TestStore},
    tools::ready,
};

const SAMPLE: usize = 45;

/// What noticed a flipped bit, and what readers saw before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Noticed {
    /// The start refused, with a message.
    Refused,
    /// The start built another tree, or cut an unanswered end.
    Mended,
    /// A read failed; nothing was answered.
    Read,
    /// The walk of a snapshot.
    Walk,
    /// `store check` alone.
    Check,
    /// Nothing, and every value is there: the bit has no meaning.
    Nothing,
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if !path.ends_with("lock") && path.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The kind of a file, for the figures.
fn kind_of(file: &Path) -> &'static str {
    let text = file.to_string_lossy();
    match () {
        () if text.contains("/journal/") => "journal",
        () if text.contains("/snapshots/") => "snapshot",
        () if text.contains("/tree-") => "tree",
        () if text.ends_with("store.json") => "store.json",
        () => "checkpoint",
    }
}

/// A closed store with everything in it, and its content.
fn original(kind: EngineKind) -> (TestStore, State) {
    let test_store = TestStore::real(kind);
    let mut opened = test_store.open();
    for at in 0..50 {
        opened.act(at, at * 5 + 1).unwrap();
    }
    opened.store.upkeep().unwrap().take().unwrap();
    for at in 50..90 {
        opened.act(at, at * 3 + 2).unwrap();
    }
    opened.close();
    let opened = test_store.open();
    let contents = opened.contents();
    opened.close();
    (test_store, contents)
}

/// Reads every row by scans and by gets; `None` if a read failed. A value that was never written ends the test.
fn read_all(store: &Store, truth: &State) -> Option<State> {
    let mut read = State::new();
    let mut scan = majordomo::persistence::engine::ByteScan::all(50);
    loop {
        let page = scan.clone();
        let Ok(page) = ready(store.read(move |view| Ok(view.scan_bytes(&page)?))) else { return None };
        let Some((last, _)) = page.last() else { break };
        scan = scan.after(last.clone());
        read.extend(page);
    }
    for key in truth.keys().cloned() {
        let asked = key.clone();
        match ready(store.read(move |view| Ok::<_, TxFault>(view.get_bytes(&asked)?))) {
            Ok(Some(value)) => {
                read.insert(key, value);
            }
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    for (key, value) in &read {
        assert_eq!(truth.get(key), Some(value), "a value was answered that was never written");
    }
    Some(read)
}

/// What notices the flipped bit in the directory of `test_store`.
fn judge(test_store: &TestStore, truth: &State) -> Noticed {
    let disk = &test_store.disk;
    let ring = Keyring::load(&test_store.ring).unwrap().unwrap();
    let understood = |_: &majordomo::persistence::format::Format, view: &dyn EngineView| {
        content::verify(view, &ring).map(|_| ()).map_err(|fault| fault.to_string())
    };
    let checked = check(&disk.settings, &disk.environment, scope(understood)).is_err();
    let Ok((store, writer, opening)) = Store::open_in_hand(test_store.options(KeyLoss::Refuse)) else {
        return Noticed::Refused;
    };
    let _opened = OpenStore::of(test_store, (store.clone(), writer, opening.clone()));
    let mended = !matches!(opening.tree, TreeState::Trusted) || opening.cut.is_some();
    let Some(read) = read_all(&store, truth) else {
        assert!(store.lost().borrow().is_some(), "a read that fails because of the tree loses the store");
        return Noticed::Read;
    };
    let walked = store.upkeep().unwrap().take().is_err();
    if read != *truth {
        assert!(!mended, "a tree that was just built has every row");
        assert!(walked || checked, "{} rows are missing, and nothing finds it", truth.len() - read.len());
    }
    match (mended, walked, checked) {
        (true, ..) => Noticed::Mended,
        (false, true, _) => Noticed::Walk,
        (false, false, true) => Noticed::Check,
        (false, false, false) => Noticed::Nothing,
    }
}

/// The share of each kind of file, in flips of 20.
const SHARES: [(&str, usize); 5] =
    [("tree", 10), ("journal", 4), ("snapshot", 3), ("store.json", 1), ("checkpoint", 2)];

/// A place in a file.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    byte: usize,
}

/// Places in all files, spread evenly over the bytes of each kind. Trees are mostly unused space: in them every other
/// place has a byte that is not zero.
fn places<'a>(files: &'a [PathBuf], count: usize, dice: &mut Dice) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    for (kind, share) in SHARES {
        let (mut all, mut written) = (Vec::new(), Vec::new());
        for file in files.iter().filter(|file| kind_of(file) == kind) {
            for (byte, value) in std::fs::read(file).unwrap().into_iter().enumerate() {
                all.push(Place { file, byte });
                if value != 0 {
                    written.push(Place { file, byte });
                }
            }
        }
        let count = (count * share).div_ceil(20);
        for at in 0..count {
            let from = if kind == "tree" && at % 2 == 0 { &written } else { &all };
            let region = (from.len() / count).max(1);
            let index = from.len() * at / count + dice.below(region as u64) as usize;
            places.push(from[index.min(from.len() - 1)]);
        }
    }
    places
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the number of flips of a long run comes from the environment")]
fn no_flipped_bit_changes_an_answer_and_no_row_is_lost_unnoticed() {
    let count = std::env::var("MAJORDOMO_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(SAMPLE);
    let mut figures: BTreeMap<(&str, &str, Noticed), u32> = BTreeMap::new();
    for kind in ON_DISK {
        let (mut test_store, truth) = original(kind);
        let whole = test_store.disk.settings.dir.clone();
        let work = whole.with_file_name("flipped");
        test_store.disk.settings.dir = work.clone();
        let files = files_below(&whole);
        let mut dice = Dice(17);
        for Place { file, byte } in places(&files, count, &mut dice) {
            copy_dir(&whole, &work);
            let target = work.join(file.strip_prefix(&whole).unwrap());
            let mut bytes = std::fs::read(&target).unwrap();
            bytes[byte] ^= 1 << dice.below(8);
            std::fs::write(&target, bytes).unwrap();
            let noticed = judge(&test_store, &truth);
            *figures.entry((kind.name(), kind_of(file), noticed)).or_default() += 1;
            std::fs::remove_dir_all(&work).unwrap();
        }
    }
    let mut out = std::io::stderr().lock();
    for ((engine, file, noticed), count) in &figures {
        writeln!(out, "{engine:>5} {file:>10} {noticed:?}: {count}").unwrap();
    }
    let unnoticed = |file: &str| figures.keys().any(|(_, of, noticed)| *of == file && *noticed == Noticed::Nothing);
    assert!(!unnoticed("snapshot"), "a checksum covers each byte of a snapshot");
}
