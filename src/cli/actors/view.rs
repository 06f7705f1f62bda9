//! What is shown of a sample: a heading, the problems, and one line for each actor, as a tree.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        table::{self, Cell, Line},
        terminal::Tone,
    },
    sample::{ActorSample, SampledActor},
};

/// The lines above the tree, and those of the tree; the first of the tree names its columns.
pub(in crate::cli) struct ActorView {
    pub(in crate::cli) heading: Vec<Line>,
    pub(in crate::cli) tree: Vec<Line>,
}

/// The view of `now`. With a sample of before it has rates.
pub(in crate::cli) fn of(now: &ActorSample, before: Option<&ActorSample>) -> ActorView {
    let span = before.map(|before| now.captured_at.since(before.captured_at)).filter(|span| !span.is_zero());
    let known: BTreeMap<&str, u64> =
        before.iter().flat_map(|before| &before.actors).map(|actor| (&*actor.path, actor.work.handled)).collect();
    let rate = |path: &str, handled: u64| match (span, known.get(path)) {
        (Some(span), Some(before)) => per_second(handled.saturating_sub(*before), span),
        _ => "-".to_owned(),
    };
    let total = match (span, before) {
        (Some(span), Some(before)) => per_second(now.totals.handled.saturating_sub(before.totals.handled), span),
        _ => "-".to_owned(),
    };
    let mut rows = vec![columns(span.is_some())];
    for actor in &now.actors {
        rows.push(row(actor, span.is_some().then(|| rate(&actor.path, actor.work.handled))));
    }
    ActorView { heading: heading(now, span.is_some().then_some(total)), tree: table::aligned(rows) }
}

fn heading(now: &ActorSample, rate: Option<String>) -> Vec<Line> {
    let totals = &now.totals;
    let status = (tone(&now.health.status), now.health.status.clone());
    let up = format!("majordomo on {}, up {}, health ", now.node.name, in_words(now.uptime()));
    let counts = format!(
        "{} actors: {} running, {} restarting, {} parked; {} messages wait, ",
        totals.actors, totals.running, totals.restarting, totals.parked, totals.queued
    );
    let rate = rate.map_or_else(String::new, |rate| format!("{rate} a second, "));
    let work = format!("{rate}{} handled, {} failed; {} restarts", totals.handled, totals.failed, totals.restarts);
    let mut lines = vec![Line::of([(Tone::Strong, up), status]), Line::of([(Tone::Normal, counts + &work)])];
    for service in now.health.services.iter().filter(|service| service.status != "up") {
        let reasons = if service.reasons.is_empty() { service.status.clone() } else { service.reasons.join("; ") };
        let name = format!("  {}: ", service.name);
        lines.push(Line::of([(Tone::Normal, name), (tone(&service.status), reasons)]));
    }
    if now.actors.len() < usize::try_from(totals.actors).unwrap_or(usize::MAX) {
        let text = format!("  the first {} actors are shown", now.actors.len());
        lines.push(Line::of([(Tone::Soft, text)]));
    }
    lines
}

fn columns(has_rates: bool) -> Vec<Cell> {
    let heading = |text: &str| Cell::left(Tone::Strong, text);
    let number = |text: &str| Cell::right(Tone::Strong, text);
    let mut cells = vec![heading("ACTOR"), heading("KIND"), heading("STATUS"), number("MAILBOX"), number("WAIT")];
    if has_rates {
        cells.push(number("MSG/S"));
    }
    cells.extend(["HANDLED", "REFUSED", "FAILED", "RESTARTS"].map(number));
    cells.push(heading("LAST FAILURE"));
    cells
}

fn row(actor: &SampledActor, rate: Option<String>) -> Vec<Cell> {
    let depth = actor.path.matches('/').count();
    let name = actor.path.rsplit('/').next().unwrap_or(&actor.path);
    let count = |count: u64, tone: Tone| Cell::right(if count == 0 { Tone::Soft } else { tone }, &count.to_string());
    let mailbox = match actor.mailbox.capacity {
        0 => Cell::right(Tone::Soft, "-"),
        capacity => {
            let is_full = actor.mailbox.depth >= capacity;
            let tone = if is_full { Tone::Bad } else { Tone::Normal };
            Cell::right(tone, &format!("{}/{capacity}", actor.mailbox.depth))
        }
    };
    let wait = match actor.mailbox.oldest_ms {
        0 => Cell::right(Tone::Soft, "-"),
        waited => Cell::right(Tone::Normal, &in_words(Duration::from_millis(waited))),
    };
    let mut cells = vec![
        Cell::left(Tone::Normal, &format!("{}{name}", "  ".repeat(depth))),
        Cell::left(Tone::Soft, &actor.kind),
        Cell::left(tone(&actor.status), &actor.status),
        mailbox,
        wait,
    ];
    cells.extend(rate.map(|rate| Cell::right(Tone::Normal, &rate)));
    cells.extend([
        count(actor.work.handled, Tone::Normal),
        count(actor.work.refused, Tone::Warning),
        count(actor.work.failed, Tone::Bad),
        count(actor.supervision.restarts + actor.supervision.restarts_by_operator, Tone::Warning),
    ]);
    let failure = actor.last_failure.as_ref().map(|failure| format!("{} {}", failure.at, failure.reason));
    cells.push(Cell::left(Tone::Warning, &failure.unwrap_or_default()));
    cells
}

fn tone(status: &str) -> Tone {
    match status {
        "up" | "running" => Tone::Good,
        "degraded" | "restarting" | "starting" | "waiting" | "draining" => Tone::Warning,
        _ => Tone::Bad,
    }
}

/// With one digit after the point.
fn per_second(count: u64, span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    let tenths = count.saturating_mul(10_000) / millis;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// In the largest unit that is not zero, with its whole rest in the next one.
fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_spans_are_written_shortly() {
        assert_eq!(per_second(25, Duration::from_secs(2)), "12.5");
        assert_eq!(per_second(0, Duration::from_secs(2)), "0.0");
        assert_eq!(per_second(1, Duration::from_millis(300)), "3.3");
        for (seconds, words) in
            [(5, "5 s"), (65, "1 min 5 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h"), (86_400, "1 d 0 h")]
        {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
        assert_eq!(in_words(Duration::from_millis(20)), "20 ms");
    }
}
