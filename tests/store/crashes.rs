//! Every step at which a machine can stop or a process can end: nothing acknowledged is lost, and no commit is partial.

use majordomo::persistence::{Lsn, base::Base};

use crate::{
    sim_fs::SimFailure,
    test_disk::{Dice, History, TestDisk, contents, put},
};

/// The progress of a history before the crash.
struct Reached {
    acknowledged: Lsn,
    submitted: Lsn,
}

/// Opens, commits, takes checkpoints and snapshots, closes, until a step fails.
fn live(disk: &TestDisk, history: &History, from: usize) -> Reached {
    let mut reached = Reached { acknowledged: Lsn::ZERO, submitted: Lsn::ZERO };
    let Ok(mut base) = disk.open() else { return reached };
    reached.acknowledged = history.lsn_after(from);
    reached.submitted = reached.acknowledged;
    for (at, group) in history.groups.iter().enumerate().skip(from) {
        reached.submitted = Lsn(reached.acknowledged.0 + group.len() as u64);
        if step(disk, &mut base, (at, group)).is_none() {
            return reached;
        }
        reached.acknowledged = reached.submitted;
        if tend(disk, &mut base, at).is_none() {
            return reached;
        }
    }
    let _ = base.close_clean();
    reached
}

fn step(disk: &TestDisk, base: &mut Base, (_, group): (usize, &[majordomo::persistence::Batch])) -> Option<()> {
    disk.clock.advance(std::time::Duration::from_millis(400));
    let durable = base.commit(disk.commits(group)).ok()?;
    base.apply(durable).ok()
}

fn tend(disk: &TestDisk, base: &mut Base, at: usize) -> Option<()> {
    base.checkpoint_if_due().ok()?;
    if at % 9 == 8 {
        base.upkeep().take().ok()?;
        disk.clock.advance(std::time::Duration::from_secs(40));
        base.upkeep().run().ok()?;
    }
    Some(())
}

fn disk() -> TestDisk {
    let mut disk = TestDisk::simulated();
    disk.settings.tuning.retention_time = std::time::Duration::from_secs(30);
    disk.settings.tuning.segment_bytes = 2_048;
    disk
}

/// The kind of the crash.
#[derive(Debug, Clone, Copy)]
enum End {
    Machine,
    Process,
    Error,
}

fn survive(end: End, seed: u64, step: u64) -> bool {
    let mut disk = disk();
    let history = History::new(seed, 30);
    let failure = if matches!(end, End::Error) { SimFailure::Error } else { SimFailure::Stop };
    disk.sim.fail_at(step, failure);
    let reached = live(&disk, &history, 0);
    let met = disk.sim.steps() >= step;
    match end {
        End::Machine => {
            disk.sim.stop_machine(seed ^ step);
            disk.reboot();
        }
        End::Process | End::Error => disk.sim.end_process(),
    }
    let what = format!("{end:?}, seed {seed}, step {step}");
    let mut base = disk.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    let last = base.opening().last;
    assert!(reached.acknowledged <= last, "{what}: {} was acknowledged, {last} is left", reached.acknowledged);
    assert!(last <= reached.submitted, "{what}: {last} was never submitted");
    assert_eq!(contents(&**base.engine()), history.states[last.0 as usize], "{what}");
    // Commits that were readable once stay, however often the machine stops; and the store can continue.
    disk.commit(&mut base, &[vec![put(77, "after"), put(78, "after")]]);
    let state = contents(&**base.engine());
    drop(base);
    disk.sim.stop_machine(seed + step);
    disk.reboot();
    let base = disk.open().unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!(base.opening().last, Lsn(last.0 + 2), "{what}");
    assert_eq!(contents(&**base.engine()), state, "{what}");
    met
}

fn survive_all(end: End) {
    for seed in 0..3 {
        let mut step = 1;
        while survive(end, seed, step) {
            step += 1;
        }
        assert!(step > 150, "the history has more steps than {step}");
    }
}

#[test]
fn a_machine_that_stops_at_any_step_loses_nothing_acknowledged() {
    survive_all(End::Machine);
}

#[test]
fn a_process_that_ends_at_any_step_loses_nothing_acknowledged() {
    survive_all(End::Process);
}

#[test]
fn a_disk_that_fails_at_any_step_loses_nothing_acknowledged() {
    survive_all(End::Error);
}

#[test]
fn a_machine_that_stops_while_opening_after_a_stop_loses_nothing() {
    let mut dice = Dice(3);
    for seed in 0..40 {
        let mut disk = disk();
        let history = History::new(seed, 12);
        disk.sim.fail_at(40 + dice.below(60), SimFailure::Stop);
        let reached = live(&disk, &history, 0);
        for _ in 0..4 {
            disk.sim.stop_machine(dice.below(1 << 40));
            disk.reboot();
            disk.sim.fail_at(disk.sim.steps() + 1 + dice.below(12), SimFailure::Stop);
            let _ = disk.open();
        }
        disk.sim.stop_machine(dice.below(1 << 40));
        disk.reboot();
        let base = disk.open().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let last = base.opening().last;
        assert!(reached.acknowledged <= last && last <= reached.submitted, "seed {seed}");
        assert_eq!(contents(&**base.engine()), history.states[last.0 as usize], "seed {seed}");
    }
}

#[test]
fn an_acknowledged_group_was_synced_before() {
    let disk = disk();
    let mut base = disk.open().unwrap();
    for group in History::new(1, 20).groups {
        let before = disk.sim.syncs();
        let durable = base.commit(disk.commits(&group)).unwrap();
        assert!(disk.sim.syncs() > before);
        base.apply(durable).unwrap();
    }
}
