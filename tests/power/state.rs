//! One state in which a stop of the machine may leave the data directory: built, opened by the real program as after
//! another boot, and compared with what the clients know.

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{
    disk::Disk,
    recording::{self, Recording},
    shim,
};
use crate::{
    accounts::Story,
    repeat::Dice,
    server::{Home, Server},
};

const AFTERWARDS: &str = "after the stop";
/// Accounts that are checked in one state: those with the newest facts, and others.
const NEWEST: usize = 8;
const OTHERS: usize = 8;
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// What was found in states that are as promised.
#[derive(Debug, Default)]
pub struct PowerFigures {
    pub states: usize,
    pub accounts: usize,
    /// Why trees were rebuilt, and how often.
    pub rebuilt: BTreeMap<String, usize>,
    pub cut: usize,
    pub slowest: Duration,
}

/// A step after which the machine stops: any, one beside a sync or a change of names, or one at which a client learns
/// something.
fn cut(recording: &Recording, dice: &mut Dice) -> usize {
    let record = &recording.record;
    match dice.below(3) {
        0 => dice.below(record.len() + 1),
        1 => {
            let edges = record.edges();
            edges[dice.below(edges.len())]
        }
        _ => {
            let story = &recording.stories[dice.below(recording.stories.len())];
            let upto = record.position(dice.below(record.len() + 1));
            story.last_before(upto).or_else(|| story.last_before(u64::MAX)).map_or(0, |at| record.count_at(at))
        }
    }
}

/// The accounts to check: the position of the newest fact of each decides.
fn chosen(stories: &[Story], position: u64, dice: &mut Dice) -> Vec<Story> {
    let mut known: Vec<_> =
        stories.iter().filter_map(|story| Some((story.last_before(position)?, story.clone()))).collect();
    known.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
    let mut others = known.split_off(known.len().min(NEWEST));
    while known.len() < NEWEST + OTHERS && !others.is_empty() {
        known.push(others.swap_remove(dice.below(others.len())));
    }
    known.into_iter().map(|(_, story)| story).collect()
}

/// `store check`, as after another boot; returns its notes.
async fn store_check(home: &Home) -> Result<String, String> {
    let output = shim::command(home, &["store", "check"], AFTERWARDS).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// A state that was built.
pub struct Built {
    /// The position in the record after which the machine stopped.
    position: u64,
    what: String,
    dice: Dice,
}

/// Builds the state of `seed` in the new directory `target`.
pub fn build(recording: &Recording, seed: u64, target: &Path) -> Built {
    let mut dice = Dice(seed);
    let cut = cut(recording, &mut dice);
    let fates = Disk::after(recording.record.upto(cut)).stop(target, &mut dice);
    let what = format!("stopped after step {cut} of {}, {fates}", recording.record.len());
    Built { position: recording.record.position(cut), what, dice }
}

/// Builds and checks the state of `seed`; the error states what is not as promised.
pub async fn check(recording: &Recording, seed: u64, figures: &mut PowerFigures) -> Result<(), String> {
    let home = recording::home(&recording.engine);
    let Built { position, what, mut dice } = build(recording, seed, &home.store());
    let accounts = chosen(&recording.stories, position, &mut dice);
    let checked = check_directory((&home, &recording.engine), &accounts, position, figures).await;
    checked.map_err(|fault| format!("{what}: {fault}"))
}

/// Why the program rebuilt its tree, from its log.
fn reason_of_rebuild(written: &str) -> Option<String> {
    let line = written.lines().find(|line| line.contains("the tree was rebuilt"))?;
    Some(line.split("reason=").nth(1).unwrap_or(line).trim_matches('"').to_owned())
}

async fn check_directory(
    (home, engine): (&Home, &str),
    stories: &[Story],
    position: u64,
    figures: &mut PowerFigures,
) -> Result<(), String> {
    match store_check(home).await {
        Ok(_) => {}
        // A stop during the first start, or a tree that the next start builds again.
        Err(text) if text.contains("holds no store") || text.contains("the tree is not usable") => {}
        Err(text) => return Err(format!("`store check` before the start: {text}")),
    }
    let mut server = Server::attempt(shim::command(home, &["serve"], AFTERWARDS)).await?;
    if !server.becomes_ready().await {
        return Err(format!("the program does not become ready: {}", server.written()));
    }
    let api = server.api();
    for story in stories {
        if let Err(fault) = story.at(position).check(&api).await {
            return Err(format!("{fault}\n{}", server.written()));
        }
    }
    let ready_after = server.ready_after;
    server.ask_to_stop();
    let (status, written) = server.ended(ENDS_WITHIN).await;
    if !status.success() {
        return Err(format!("the program ended with {status}: {written}"));
    }
    let rebuilt = reason_of_rebuild(&written);
    let is_expected = |reason: &String| engine == "sled" || reason == "there is none yet";
    if let Some(reason) = rebuilt.as_ref().filter(|reason| !is_expected(reason)) {
        return Err(format!("a tree that survives a stop of the machine was rebuilt: {reason}\n{written}"));
    }
    let notes = store_check(home).await.map_err(|text| format!("`store check` afterwards: {text}\n{written}"))?;
    if notes.contains("rebuilds the tree") {
        return Err(format!("a tree that was closed is not trusted: {notes}"));
    }
    figures.states += 1;
    figures.accounts += stories.len();
    if let Some(reason) = &rebuilt {
        *figures.rebuilt.entry(reason.clone()).or_default() += 1;
    }
    figures.cut += usize::from(written.contains("tail was cut"));
    figures.slowest = figures.slowest.max(ready_after);
    Ok(())
}
