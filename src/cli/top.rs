//! `majordomo top`

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    panic::PanicHookInfo,
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{
    CliFailure, CliSettings, Terminal,
    actors::{print, sample::ActorSample, view},
    client::{self, ControlClient},
    table::Line,
    terminal::{Paint, Tone, window_size},
    tty::{RawTty, TtyEvent, TtyEvents},
};

/// Shows the tree again and again until `q` is pressed. Where standard output is no terminal, prints it once.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Print the tree once, with rates of one interval
    #[arg(long)]
    once: bool,
    /// The interval between two readings, such as 2s or 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    every: Duration,
}

/// An interval from 100 ms to 1 h.
fn interval(text: &str) -> Result<Duration, String> {
    let known = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(millis), _) => millis.parse().ok().map(Duration::from_millis),
        (None, Some(seconds)) => seconds.parse().ok().map(Duration::from_secs),
        (None, None) => None,
    };
    let is_fit = |span: &Duration| (Duration::from_millis(100)..=Duration::from_hours(1)).contains(span);
    known.filter(is_fit).ok_or_else(|| "write a time such as 2s or 500ms, 100ms to 3600s".to_owned())
}

impl Top {
    pub(in crate::cli) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        let client = || ControlClient::of(&config);
        let runtime = client::runtime()?;
        if self.once || !io::stdout().is_terminal() {
            return runtime.block_on(self.once(&client()?, terminal));
        }
        // The credential is read each time: a server that is started again has another.
        let read = async || ActorSample::read(&client()?).await;
        let first = runtime.block_on(read())?;
        runtime.block_on(async {
            let no_terminal = |error| CliFailure::fault("the terminal cannot be read", error, "use --once");
            let events = TtyEvents::of(RawTty::open().map_err(no_terminal)?).map_err(no_terminal)?;
            let out = rustix::io::dup(io::stdout())
                .map_err(|error| CliFailure::fault("standard output", error, "use --once"))?;
            let mut screen = Screen::enter(events, Arc::new(File::from(out)), terminal.results);
            screen.live(first, self.every, read).await
        })
    }

    async fn once(&self, client: &ControlClient, terminal: &Terminal) -> Result<(), CliFailure> {
        let before = ActorSample::read(client).await?;
        tokio::time::sleep(self.every).await;
        print(&ActorSample::read(client).await?, Some(&before), terminal)
    }
}

/// The alternate screen without a cursor, and back (xterm control sequences, private modes 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

type PanicHook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The live screen. Dropped, it leaves the terminal as it was; at a panic it does so before the message is printed.
struct Screen {
    events: TtyEvents,
    out: Arc<File>,
    paint: Paint,
    before: PanicHook,
    top_line: usize,
}

impl Screen {
    fn enter(events: TtyEvents, out: Arc<File>, paint: Paint) -> Self {
        let before: PanicHook = Arc::from(std::panic::take_hook());
        let (message, left) = (Arc::clone(&before), Arc::clone(&out));
        std::panic::set_hook(Box::new(move |info| {
            write(&left, LEAVE);
            message(info);
        }));
        write(&out, ENTER);
        Self { events, out, paint, before, top_line: 0 }
    }

    /// Draws a sample, waits `every`, reads the next, until `q`, Ctrl+C or a signal.
    async fn live<F: Future<Output = Result<ActorSample, CliFailure>>>(
        &mut self,
        first: ActorSample,
        every: Duration,
        read: impl Fn() -> F,
    ) -> Result<(), CliFailure> {
        let (mut now, mut before, mut trouble) = (first, None, None);
        loop {
            self.draw(&now, before.as_ref(), trouble.as_deref(), every);
            let next = async {
                tokio::time::sleep(every).await;
                read().await
            };
            tokio::pin!(next);
            let sample = loop {
                tokio::select! {
                    sample = &mut next => break sample,
                    event = self.events.next() => match key(event) {
                        Some(KeyPress::Quit) => return Ok(()),
                        Some(KeyPress::Scroll(lines)) => {
                            self.top_line = self.top_line.saturating_add_signed(lines);
                            self.draw(&now, before.as_ref(), trouble.as_deref(), every);
                        }
                        None => self.draw(&now, before.as_ref(), trouble.as_deref(), every),
                    },
                }
            };
            match sample {
                Ok(sample) => {
                    before = Some(std::mem::replace(&mut now, sample));
                    trouble = None;
                }
                Err(failure) => trouble = Some(failure.line()),
            }
        }
    }

    fn draw(&mut self, now: &ActorSample, before: Option<&ActorSample>, trouble: Option<&str>, every: Duration) {
        let view = view::of(now, before);
        let (width, height) = window_size(&*self.out);
        let mut lines = view.heading;
        lines.extend(trouble.map(|text| Line::of([(Tone::Bad, text.to_owned())])));
        lines.push(Line::default());
        let mut tree = view.tree.into_iter();
        lines.extend(tree.next());
        let left = height.saturating_sub(lines.len() + 1);
        self.top_line = self.top_line.min(tree.len().saturating_sub(left));
        lines.extend(tree.skip(self.top_line).take(left));
        lines.truncate(height.saturating_sub(1));
        let keys = format!("q quits, arrows scroll; every {} ms", every.as_millis());
        let mut text = "\x1b[H".to_owned();
        for line in &lines {
            text.push_str(&format!("{}\x1b[K\r\n", line.cut(width, self.paint)));
        }
        text.push_str(&format!("\x1b[J\x1b[{height};1H"));
        text.push_str(&Line::of([(Tone::Soft, keys)]).cut(width, self.paint));
        write(&self.out, &text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write(&self.out, LEAVE);
        if !std::thread::panicking() {
            let before = Arc::clone(&self.before);
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

/// A closed terminal ends the command by its own event.
fn write(mut out: &File, text: &str) {
    let _ = out.write_all(text.as_bytes());
}

/// What a key asks for.
enum KeyPress {
    Quit,
    Scroll(isize),
}

/// The meaning of an event. The last byte of an arrow's sequence (`ESC [ A`) is enough to know it.
fn key(event: TtyEvent) -> Option<KeyPress> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    match event {
        TtyEvent::End | TtyEvent::Byte(b'q' | b'Q' | CTRL_C | CTRL_D) => Some(KeyPress::Quit),
        TtyEvent::Byte(b'A' | b'k') => Some(KeyPress::Scroll(-1)),
        TtyEvent::Byte(b'B' | b'j') => Some(KeyPress::Scroll(1)),
        TtyEvent::Byte(b'5') => Some(KeyPress::Scroll(-10)),
        TtyEvent::Byte(b'6' | b' ') => Some(KeyPress::Scroll(10)),
        TtyEvent::Byte(_) | TtyEvent::Resized => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::cli::tty;

    #[tokio::test]
    async fn a_panic_leaves_the_screen_before_its_message() {
        let (mut outer, inner) = tty::terminal();
        let out = Arc::new(inner.try_clone().unwrap());
        let events = TtyEvents::of(RawTty::on(inner).unwrap()).unwrap();
        let screen = Screen::enter(events, out, Paint::Plain);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _screen = screen;
            panic!("a test of the screen");
        }));
        assert!(panicked.is_err());
        let mut shown = vec![0; 200];
        let length = outer.read(&mut shown).unwrap();
        let shown = String::from_utf8_lossy(&shown[..length]).into_owned();
        assert!(shown.starts_with(ENTER) && shown.ends_with(LEAVE), "{shown:?}");
    }

    #[test]
    fn an_interval_is_a_number_with_its_unit() {
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["", "2", "s", "0s", "50ms", "2h", "3601s", "-1s"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
