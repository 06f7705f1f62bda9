//! The output of commands; no other code prints.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::termios::tcgetwinsize;

use crate::{
    app::AppError,
    config::{ColourWish, ConfigError, ConfigWarning, colour_wish},
    types::Clock,
};

/// The reason that a command failed.
#[derive(Debug)]
pub enum CliFailure {
    /// A fault; nothing was changed. One line: what it concerns, the reason, what to do.
    Fault(String),
    /// The reader of the output has closed the pipe.
    PipeClosed,
    /// The settings are wrong; one line per error.
    Config(Vec<ConfigError>),
    /// A check that found problems and has printed them.
    Found,
    /// A wrong command line. One line.
    Usage(String),
}

impl CliFailure {
    /// A fault of `what`, such as a file or an address, with its cause and what the operator does next.
    pub fn fault(what: impl Display, cause: impl Display, fix: impl Display) -> Self {
        Self::Fault(format!("{what}: {cause}; {fix}"))
    }

    /// An answer of the store that is no answer to the command: the log of a server is not there to name the cause.
    pub fn of_store(what: impl Display, dir: &Path, cause: impl Display) -> Self {
        Self::fault(what, cause, format_args!("run `majordomo store check` on {} (store.path)", dir.display()))
    }

    /// The runtime of a command did not start.
    pub fn no_runtime(cause: &io::Error) -> Self {
        let fix = "raise the limits of this user on processes and open files (`ulimit -u`, `ulimit -n`)";
        Self::fault("the runtime did not start", cause, fix)
    }

    /// The failure as one line, for a screen that goes on.
    pub fn line(&self) -> String {
        match self {
            Self::Fault(line) | Self::Usage(line) => line.clone(),
            Self::PipeClosed => "standard output is closed".to_owned(),
            Self::Config(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Self::Found => "problems were found".to_owned(),
        }
    }
}

impl From<AppError> for CliFailure {
    fn from(error: AppError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<Vec<ConfigError>> for CliFailure {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Config(errors)
    }
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// With escape sequences (ECMA-48 section 8.3.117).
    Colours,
    /// As it is.
    Plain,
}

/// The meaning of a piece of text, which its colour shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Normal,
    /// A heading.
    Strong,
    /// Less important.
    Soft,
    /// It works.
    Good,
    /// It needs attention.
    Warning,
    /// It does not work.
    Bad,
}

impl Paint {
    fn of(stream: &impl IsTerminal) -> Self {
        match colour_wish() {
            ColourWish::Always => Self::Colours,
            ColourWish::OnTerminal if stream.is_terminal() => Self::Colours,
            ColourWish::OnTerminal | ColourWish::Never => Self::Plain,
        }
    }

    /// The text in the colour of `tone`.
    pub fn text(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Normal => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Soft => "2",
            Tone::Good => "32",
            Tone::Warning => "1;33",
            Tone::Bad => "1;31",
        };
        match self {
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Standard output and standard error.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether results are coloured.
    pub results: Paint,
    notes: Paint,
}

impl Terminal {
    /// The streams of this process.
    pub fn of_process() -> Self {
        Self { results: Paint::of(&io::stdout()), notes: Paint::of(&io::stderr()) }
    }

    /// Prints the result of the command on standard output.
    pub fn print(&self, text: impl Display) -> Result<(), CliFailure> {
        match write!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliFailure::PipeClosed),
            Err(error) => {
                Err(CliFailure::fault("standard output", error, "send it to a file or a terminal that takes it"))
            }
        }
    }

    /// Prints a note on standard error. A line that begins with `error:`, `warning:` or `note:` has that word coloured,
    /// as clap colours its own.
    pub fn note(&self, line: impl Display) {
        const LABELS: [(&str, Tone); 3] = [("error:", Tone::Bad), ("warning:", Tone::Warning), ("note:", Tone::Strong)];
        let line = line.to_string();
        let labelled = LABELS.iter().find_map(|(label, tone)| Some((label, tone, line.strip_prefix(label)?)));
        let line = match labelled {
            Some((label, tone, rest)) => self.notes.text(*tone, label) + rest,
            None => line,
        };
        // A closed standard error cannot be reported anywhere.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// A line on standard error that shows how far a long command is; nothing unless standard error is a terminal.
    pub fn progress(&self, what: &'static str, clock: Arc<dyn Clock>) -> ProgressLine {
        ProgressLine { what, is_shown: io::stderr().is_terminal(), clock, last: Mutex::new(None) }
    }

    /// Prints the warnings about the settings.
    pub fn warn(&self, warnings: &[ConfigWarning]) {
        for warning in warnings {
            self.note(format_args!("warning: {warning}"));
        }
    }

    /// Prints help, version, or the error in the command line.
    pub(super) fn usage(&self, refusal: &clap::Error) -> ExitCode {
        // A closed output cannot be reported anywhere.
        let _ = refusal.print();
        if refusal.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }

    /// Prints the reason and returns the exit code.
    pub(super) fn failed(&self, failure: &CliFailure) -> ExitCode {
        match failure {
            CliFailure::Fault(line) => {
                self.note(format_args!("error: {line}"));
                ExitCode::from(1)
            }
            CliFailure::PipeClosed => ExitCode::SUCCESS,
            CliFailure::Config(errors) => {
                for error in errors {
                    self.note(format_args!("error: {error}"));
                }
                ExitCode::from(2)
            }
            CliFailure::Found => ExitCode::from(2),
            CliFailure::Usage(line) => {
                self.note(format_args!("error: {line}"));
                ExitCode::from(2)
            }
        }
    }
}

/// Columns and rows of a terminal. A terminal that knows no size, such as a serial line, says 0: then 80 and 24.
pub(super) fn window_size(terminal: impl AsFd) -> (usize, usize) {
    let known = |size: u16, usual: usize| if size == 0 { usual } else { usize::from(size) };
    tcgetwinsize(terminal).map_or((80, 24), |size| (known(size.ws_col, 80), known(size.ws_row, 24)))
}

/// Between two changes of a progress line.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// A line that is written over itself, and removed when this is dropped.
pub struct ProgressLine {
    what: &'static str,
    is_shown: bool,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Instant>>,
}

impl ProgressLine {
    /// Shows `how_far`, unless the line changed a moment ago.
    pub fn show(&self, how_far: impl Display) {
        if !self.is_shown {
            return;
        }
        let now = self.clock.instant();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_duration_since(last) < PROGRESS_EVERY) {
            return;
        }
        *last = Some(now);
        let (width, _) = window_size(io::stderr());
        let line: String = format!("{}: {how_far}", self.what).chars().take(width - 1).collect();
        let mut stream = io::stderr().lock();
        // A closed standard error cannot be reported anywhere.
        // The cursor returns to the first column, so that a line of the log replaces this one.
        let _ = write!(stream, "\r\x1b[K{line}\r").and_then(|()| stream.flush());
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            let mut stream = io::stderr().lock();
            let _ = write!(stream, "\r\x1b[K").and_then(|()| stream.flush());
        }
    }
}
