//! Stops of the machine: disk states are built from recorded writes and syncs of the real program, and opened by it as
//! after another boot. Only `fsync` and `fdatasync` are barriers. What was not synced is there, lost, torn or out of
//! order.
//!
//! `MAJORDOMO_TEST_POWER` is the number of states for each engine (`just power 200`). A state that is not as promised
//! is printed with its seed, and its recording is kept: with `MAJORDOMO_TEST_RECORDING` and `MAJORDOMO_TEST_SEED` it is
//! built and checked again.

mod content;
mod disk;
mod fate;
mod record;
mod recording;
mod shim;
mod state;

use std::path::{Path, PathBuf};

use recording::Recording;
use state::PowerFigures;

use crate::repeat::{count, seed};

/// States for each engine, unless `MAJORDOMO_TEST_POWER` says otherwise.
const STATES: usize = 6;
/// States of one recording: the clock goes on meanwhile, so that codes and sessions expire.
const OF_ONE_RECORDING: usize = 50;
/// States after which a fault of the harness's own has to be found.
const FOUND_WITHIN: u64 = 40;

/// Where the recording of a failed state is kept.
fn kept(engine: &str, seed: u64) -> PathBuf {
    std::env::temp_dir().join(format!("majordomo-power-{engine}-{seed}"))
}

/// Checks the state of `seed`. Of one that is not as promised the recording and the state are kept, and the fault with
/// the way to see it again is returned.
async fn fault(recording: &Recording, seed: u64, figures: &mut PowerFigures) -> Option<String> {
    let fault = state::check(recording, seed, figures).await.err()?;
    let kept = kept(&recording.engine, seed);
    recording.keep(&kept);
    let state = kept.join("data");
    if !state.exists() {
        state::build(recording, seed, &state);
    }
    let again = format!("MAJORDOMO_TEST_RECORDING={} MAJORDOMO_TEST_SEED={seed}", kept.display());
    Some(format!("{fault}\nrun again: {again} cargo test --test e2e power"))
}

async fn survives(engine: &str) {
    let (seed, states) = (seed(), count("MAJORDOMO_TEST_POWER", STATES));
    let mut figures = PowerFigures::default();
    if let Ok(folder) = std::env::var("MAJORDOMO_TEST_RECORDING") {
        let recording = Recording::load(Path::new(&folder));
        if recording.engine == engine {
            assert_eq!(fault(&recording, seed, &mut figures).await, None);
        }
        return;
    }
    let (mut steps, mut recordings, mut faults) = (0, 0, Vec::new());
    for first in (0..states).step_by(OF_ONE_RECORDING) {
        let folder = tempfile::tempdir().unwrap();
        let recording = Recording::make(engine, usize::MAX, folder.path()).await;
        steps += recording.record.len();
        recordings += 1;
        for state in first..states.min(first + OF_ONE_RECORDING) {
            faults.extend(fault(&recording, seed + state as u64, &mut figures).await);
        }
    }
    println!("{engine}, seed {seed}: {recordings} recordings, {steps} steps; {figures:?}");
    assert!(faults.is_empty(), "{} of {states} states are not as promised:\n{}", faults.len(), faults.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_stops_loses_nothing_acknowledged_on_sled() {
    survives("sled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_stops_loses_nothing_acknowledged_on_redb() {
    survives("redb").await;
}

/// The first fault of a program whose syncs of some files had no effect.
async fn fault_without_syncs(folder: &Path, is_ignored: fn(&str) -> bool) -> Option<String> {
    let mut recording = Recording::load(folder);
    recording.record = recording.record.without_syncs(is_ignored);
    for seed in 0..FOUND_WITHIN {
        let fault = state::check(&recording, seed, &mut PowerFigures::default()).await.err();
        if fault.is_some() {
            return fault;
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_left_out_is_found() {
    let folder = tempfile::tempdir().unwrap();
    Recording::make("redb", 1, folder.path()).await;
    let journal = fault_without_syncs(folder.path(), |path| path.ends_with(".log") || path.ends_with(".log.new")).await;
    println!("{}", journal.expect("no state shows that the segments of the journal are not synced"));
    let names = fault_without_syncs(folder.path(), |path| path == "journal" || path.is_empty()).await;
    println!("{}", names.expect("no state shows that the directory of the journal is not synced"));
}
