//! Journals with torn ends, missing parts and wrong bytes: what is cut, and what is refused by name.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use majordomo::{
    persistence::{
        Batch, Lsn, Operation,
        base::{Base, OpenError},
        journal::{
            Problem, SegmentName,
            frame::{self, Frame},
            reader::{Found, Proof, SegmentReader},
            segment::HEADER,
        },
    },
    types::Timestamp,
};
use proptest::prelude::*;

use crate::yard::{Dice, History, Yard, contents, put};

/// A journal of one segment without checkpoint, whose last group is four commits; the process has ended.
fn one_segment(groups: usize) -> (Yard, History) {
    let mut yard = Yard::simulated();
    yard.settings.tuning.segment_bytes = 1 << 20;
    let mut history = History::new(5, groups);
    let last: Vec<Batch> = (0..4).map(|key| put(key, "the last group")).collect();
    for batch in &last {
        let mut state = history.last().clone();
        crate::yard::apply(&mut state, batch);
        history.states.push(state);
    }
    history.groups.push(last);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &history.groups);
    drop(base);
    yard.sim.end_process();
    (yard, history)
}

/// A journal of many segments, checkpointed at its last commit but a few.
fn many_segments() -> (Yard, History) {
    let yard = Yard::simulated();
    let history = History::new(6, 60);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &history.groups[..57]);
    checkpoint(&yard, &mut base);
    yard.commit(&mut base, &history.groups[57..]);
    drop(base);
    yard.sim.end_process();
    (yard, history)
}

fn checkpoint(yard: &Yard, base: &mut Base) {
    yard.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
}

fn segments(yard: &Yard) -> Vec<SegmentName> {
    majordomo::persistence::journal::segment::list(&*yard.seams.fs, &yard.journal()).unwrap()
}

/// Where the frames of a segment lie: from and up to which byte.
fn frames(yard: &Yard, name: SegmentName) -> Vec<(usize, usize)> {
    let mut reader = SegmentReader::open(&*yard.seams.fs, &yard.journal(), name).unwrap();
    let mut found = Vec::new();
    let mut at = HEADER as u64;
    while let Found::Frame(_, next) = reader.frame_at(at).unwrap() {
        found.push((at as usize, next as usize));
        at = next;
    }
    found
}

fn damage(yard: &Yard, name: SegmentName, change: impl FnOnce(&mut Vec<u8>)) {
    yard.sim.damage(&name.path(&yard.journal()), change).unwrap();
}

/// All files but the lock, which says who tried last.
fn files(yard: &Yard) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = yard.sim.files();
    files.retain(|path, _| !path.ends_with("lock"));
    files
}

fn refusal(yard: &Yard) -> Problem {
    let before = files(yard);
    let problem = match yard.open() {
        Ok(base) => panic!("it opened: {:?}", base.opening()),
        Err(OpenError::Journal(problem)) => problem,
        Err(other) => panic!("another error: {other}"),
    };
    assert_eq!(files(yard), before, "a refused opening changes nothing");
    problem
}

#[test]
fn of_the_last_group_any_subset_may_be_lost_and_what_comes_before_the_first_loss_stays() {
    for mask in 0..16usize {
        for torn in [false, true] {
            let (yard, history) = one_segment(10);
            let name = segments(&yard)[0];
            let places = frames(&yard, name);
            let group = places[places.len() - 4..].to_vec();
            for (_, (start, end)) in group.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0) {
                let from = if torn { (start + end) / 2 } else { *start };
                damage(&yard, name, |bytes| bytes[from..*end].fill(0));
            }
            let kept = (0..4).take_while(|at| mask & (1 << at) == 0).count();
            let last = Lsn(history.lsn_after(10).0 + kept as u64);
            let base = yard.open().unwrap();
            assert_eq!(base.opening().last, last, "subset {mask:04b}, torn {torn}");
            let remains = torn || (kept + 1..4).any(|at| mask & (1 << at) == 0);
            assert_eq!(base.opening().cut.is_some(), mask != 0 && remains, "subset {mask:04b}, torn {torn}");
            assert_eq!(contents(&**base.engine()), history.states[last.0 as usize]);
        }
    }
}

#[test]
fn any_wrong_byte_before_the_last_group_is_refused_by_place() {
    let (yard, _) = one_segment(8);
    let name = segments(&yard)[0];
    let places = frames(&yard, name);
    let synced = &places[..places.len() - 4];
    let whole = yard.sim.files()[&name.path(&yard.journal())].clone();
    for at in (HEADER..synced.last().unwrap().1).step_by(7) {
        damage(&yard, name, |bytes| bytes[at] ^= 0x10);
        let (start, number) = synced
            .iter()
            .enumerate()
            .find(|(_, (_, end))| at < *end)
            .map(|(index, (start, _))| (*start, index as u64 + 1))
            .unwrap();
        match refusal(&yard) {
            Problem::Damaged { place, lsn, proof, .. } => {
                assert_eq!((place.segment, place.offset, lsn), (name, start as u64, Lsn(number)), "byte {at}");
                assert!(matches!(proof, Proof::LaterFrame(_)), "byte {at}: {proof}");
            }
            other => panic!("byte {at}: {other}"),
        }
        damage(&yard, name, |bytes| bytes.clone_from(&whole));
    }
    yard.open().unwrap();
}

#[test]
fn a_journal_cut_below_its_checkpoint_is_refused_and_above_it_is_opened() {
    let mut yard = Yard::simulated();
    yard.settings.tuning.segment_bytes = 1 << 20;
    let history = History::new(8, 20);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &history.groups[..15]);
    checkpoint(&yard, &mut base);
    yard.commit(&mut base, &history.groups[15..]);
    drop(base);
    yard.sim.end_process();
    let name = segments(&yard)[0];
    let places = frames(&yard, name);
    let covered = history.lsn_after(15).0 as usize;
    for length in (HEADER..places.last().unwrap().1).step_by(5) {
        let (copy, whole) = (&yard, places.iter().filter(|(_, end)| *end <= length).count());
        let before = copy.sim.files()[&name.path(&yard.journal())].clone();
        damage(copy, name, |bytes| bytes.truncate(length));
        if whole < covered {
            let problem = refusal(copy);
            assert!(
                matches!(problem, Problem::Damaged { proof: Proof::Checkpoint(_), .. }),
                "length {length}: {problem}"
            );
            damage(copy, name, |bytes| bytes.clone_from(&before));
        } else {
            let base = copy.open().unwrap();
            assert_eq!(base.opening().last, Lsn(whole as u64), "length {length}");
            return;
        }
    }
    panic!("the journal never got long enough");
}

#[test]
fn a_cleanly_closed_journal_that_lost_its_end_is_refused() {
    let (yard, _) = one_segment(3);
    yard.open().unwrap().close_clean().unwrap();
    let name = *segments(&yard).last().unwrap();
    let last = *frames(&yard, name).last().unwrap();
    damage(&yard, name, |bytes| bytes[last.0..].fill(0));
    assert!(matches!(refusal(&yard), Problem::Damaged { proof: Proof::Checkpoint(_), .. }));
}

#[test]
fn damage_in_a_segment_that_another_follows_is_refused() {
    let (yard, _) = many_segments();
    let names = segments(&yard);
    // The one before the last is read only as far as the checkpoint does not cover it; so look at all from the start.
    let checkpoint = yard.settings.dir.join("checkpoint");
    yard.seams.fs.remove(&checkpoint).unwrap();
    for name in &names[..names.len() - 1] {
        let last = *frames(&yard, *name).last().unwrap();
        let whole = yard.sim.files()[&name.path(&yard.journal())].clone();
        damage(&yard, *name, |bytes| bytes.truncate(last.0));
        let problem = refusal(&yard);
        match problem {
            Problem::Damaged { place, proof: Proof::LaterSegment(_), .. } => {
                assert_eq!((place.segment, place.offset), (*name, last.0 as u64));
            }
            other => panic!("{name}: {other}"),
        }
        damage(&yard, *name, |bytes| bytes.clone_from(&whole));
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let (yard, _) = many_segments();
    let names = segments(&yard);
    yard.seams.fs.remove(&yard.settings.dir.join("checkpoint")).unwrap();
    yard.seams.fs.remove(&names[names.len() / 2].path(&yard.journal())).unwrap();
    assert!(matches!(refusal(&yard), Problem::Damaged { proof: Proof::LaterSegment(_), .. }));
}

#[test]
fn a_journal_without_its_last_segments_is_refused() {
    let (yard, _) = many_segments();
    for name in &segments(&yard)[3..] {
        yard.seams.fs.remove(&name.path(&yard.journal())).unwrap();
    }
    let problem = refusal(&yard);
    assert!(matches!(problem, Problem::Damaged { proof: Proof::Checkpoint(_), .. }), "{problem}");
}

#[test]
fn a_damaged_head_of_a_segment_is_refused() {
    let (yard, _) = many_segments();
    let last = *segments(&yard).last().unwrap();
    for at in 0..28 {
        damage(&yard, last, |bytes| bytes[at] ^= 1);
        let problem = refusal(&yard);
        // Two bytes are reserved, and covered by the checksum like the others.
        assert!(matches!(problem, Problem::Head(name) if name == last), "byte {at}: {problem}");
        damage(&yard, last, |bytes| bytes[at] ^= 1);
    }
    yard.open().unwrap();
}

#[test]
fn a_stored_value_cannot_pass_for_a_frame() {
    let (yard, history) = one_segment(2);
    let last = history.lsn_after(3);
    let mut base = yard.open().unwrap();
    // What an attacker would store, if the checksum could be guessed: a frame that says everything was synced.
    let later =
        Frame { epoch: 9, lsn: Lsn(last.0 + 9), synced: Lsn(last.0 + 8), time: Timestamp::ZERO, batch: put(1, "x") };
    let mut bytes = Vec::new();
    frame::encode(later.head(), &later.batch, 0, &mut bytes).unwrap();
    let bait = Batch(vec![Operation::Put { key: vec![1, 9], value: bytes }]);
    yard.commit(&mut base, &[vec![bait]]);
    drop(base);
    yard.sim.end_process();
    let name = *segments(&yard).last().unwrap();
    let place = *frames(&yard, name).last().unwrap();
    damage(&yard, name, |bytes| bytes[place.0 + 4] ^= 1);
    let base = yard.open().unwrap();
    assert_eq!(base.opening().last, last);
    assert!(base.opening().cut.is_some());
}

#[test]
fn whatever_is_done_to_a_journal_it_is_refused_or_opened_as_of_one_of_its_commits() {
    let mut dice = Dice(11);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..300 {
        let (yard, history) = if dice.below(2) == 0 { one_segment(4) } else { many_segments() };
        let names = segments(&yard);
        for _ in 0..1 + dice.below(3) {
            let name = names[dice.below(names.len() as u64) as usize];
            damage(&yard, name, |bytes| maul(&mut dice, bytes));
        }
        match yard.open() {
            Ok(base) => {
                opened += 1;
                let last = base.opening().last;
                assert_eq!(contents(&**base.engine()), history.states[last.0 as usize]);
            }
            Err(OpenError::Journal(_)) => refused += 1,
            Err(other) => panic!("another error: {other}"),
        }
    }
    assert!(opened > 10 && refused > 10, "{opened} opened, {refused} refused");
}

fn maul(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len() as u64) as usize;
    let end = (at + dice.below(200) as usize).min(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at..end].fill(0),
        2 => bytes.truncate(at),
        3 => bytes.extend(dice.bytes(100)),
        _ => {
            let noise = dice.bytes(200);
            bytes.splice(at..end, noise);
        }
    }
}

#[test]
fn arbitrary_bytes_behind_a_head_are_no_commits() {
    let mut dice = Dice(12);
    for _ in 0..400 {
        let yard = Yard::simulated();
        yard.open().unwrap();
        yard.sim.end_process();
        let name = segments(&yard)[0];
        damage(&yard, name, |bytes| {
            for _ in 0..dice.below(6) {
                if dice.below(2) == 0 {
                    bytes.extend_from_slice(&frame::MAGIC);
                    bytes.extend_from_slice(&(dice.below(300) as u32).to_le_bytes());
                }
                bytes.extend(dice.bytes(300));
            }
        });
        let base = yard.open().unwrap();
        assert_eq!(base.opening().last, Lsn::ZERO);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), salt in any::<u64>()) {
        let _ = frame::decode(&bytes, salt);
        let _ = frame::decode_body(&bytes);
    }

    #[test]
    fn a_frame_comes_back_as_it_was(
        numbers in (any::<u64>(), any::<u64>(), any::<u64>(), any::<i64>(), any::<u64>()),
        puts in prop::collection::vec((prop::collection::vec(1u8.., 1..40), prop::option::of(any::<Vec<u8>>())), 0..9),
    ) {
        let (epoch, lsn, synced, time, salt) = numbers;
        let operations = puts.into_iter().map(|(key, value)| match value {
            Some(value) => Operation::Put { key, value },
            None => Operation::Delete { key },
        });
        let batch = Batch(operations.collect());
        let frame = Frame { epoch, lsn: Lsn(lsn), synced: Lsn(synced), time: Timestamp::from_micros(time), batch };
        let mut bytes = Vec::new();
        frame::encode(frame.head(), &frame.batch, salt, &mut bytes).unwrap();
        prop_assert_eq!(frame::decode(&bytes, salt).unwrap(), frame);
        prop_assert!(frame::decode(&bytes, salt ^ 1).is_err());
    }
}
