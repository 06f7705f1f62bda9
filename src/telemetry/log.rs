//! The log: one line per event, as text or JSON, with its request and its actor.
//!
//! The handler of a request or a message enters a span with the field `request_id` or `actor`; every line written
//! inside carries them. Secrets are not logged; in addition, the values of fields with the names of secrets are written
//! as `***`, and control characters never reach the terminal.

mod files;
mod json;
mod switch;

use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write as _},
};

use serde_json::Value;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use files::LogFiles;
use switch::SetLevel;
pub use switch::{LogLevelReport, LogSwitch};

use crate::{
    config::{LogConfig, LogFormat, LogLevel},
    types::limits,
};

/// Fields of spans that every line inside carries.
const CARRIED: [&str; 2] = ["request_id", "actor"];
/// Names of fields whose value is never written.
const SECRETIVE: [&str; 7] = ["password", "secret", "token", "cookie", "authorization", "pepper", "query"];

/// Sends the log of the whole process to standard error, and to the files of `log.directory` if that is set. Returns
/// the switch of its level. Only the first call and its switch have an effect, so that tests may start the program
/// several times in one process.
///
/// Fails if the directory or a file in it cannot be created.
pub fn install(log: &LogConfig) -> io::Result<LogSwitch> {
    let files = file_lines(log)?;
    let (to_files, set_files) = reload::Layer::new(filter(log.level));
    let (subscriber, set_stderr) = subscriber_and_level(log, io::stderr);
    // Refused only if a log is installed already.
    let _ = subscriber.with(files.map(|lines| lines.with_filter(to_files))).try_init();
    Ok(LogSwitch::of(log.level, vec![set_stderr, set_level(set_files)]))
}

/// The lines of `log.directory`; `None` if that is not set.
fn file_lines(log: &LogConfig) -> io::Result<Option<Lines<LogFiles>>> {
    let files = log.directory.as_deref().map(LogFiles::open).transpose()?;
    Ok(files.map(|writer| Lines { format: log.format, color: false, writer }))
}

/// A log that writes to `writer`; for tests, with `tracing::subscriber::with_default`.
pub fn subscriber<W>(log: &LogConfig, writer: W) -> impl Subscriber + Send + Sync + for<'a> LookupSpan<'a>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber_and_level(log, writer).0
}

fn subscriber_and_level<W>(
    log: &LogConfig,
    writer: W,
) -> (impl Subscriber + Send + Sync + for<'a> LookupSpan<'a>, SetLevel)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = Lines { format: log.format, color: std::io::stderr().is_terminal(), writer };
    let (filter, handle) = reload::Layer::new(filter(log.level));
    (tracing_subscriber::registry().with(lines.with_filter(filter)), set_level(handle))
}

fn set_level<S: 'static>(handle: reload::Handle<Targets, S>) -> SetLevel {
    // Fails only if the log was not installed.
    Box::new(move |level| drop(handle.reload(filter(level))))
}

/// The program's lines from `level` on; those of libraries at `warn` and above only, because a library logs the content
/// that it transports, such as a code in a mail or a header with a token.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("majordomo", own)
}

/// Writes each event as one line.
struct Lines<W> {
    format: LogFormat,
    color: bool,
    writer: W,
}

/// What a span passes on to the lines inside it.
#[derive(Default)]
struct Carried(Vec<(&'static str, Value)>);

/// The fields of one event or span.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // The `code` of a refusal is a word; a one-time code is a number.
        let is_number = value.is_number() || value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
        let hidden = SECRETIVE.iter().any(|word| name.split('_').any(|part| part == *word))
            || (matches!(name, "code" | "otp_code") && is_number);
        self.rest.push((name, if hidden { Value::from("***") } else { value }));
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = clean(value);
        } else {
            self.push(field, clean(value).into());
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// `text` without control characters, which could forge lines or control a terminal, and truncated to the limit.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars().take(limits::LOG_VALUE_MAX) {
        if character.is_control() {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        carry(id, fields, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        carry(id, fields, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            for (name, value) in extensions.get::<Carried>().iter().flat_map(|carried| &carried.0) {
                // The event's own fields, and those of the innermost span, replace fields of the outer ones.
                if !fields.rest.iter().any(|(known, _)| known == name) {
                    fields.rest.push((name, value.clone()));
                }
            }
        }
        let line = match self.format {
            LogFormat::Json => json::line(&time(), event.metadata(), &fields.message, &fields.rest),
            LogFormat::Human => human(event.metadata(), &fields, self.color),
        };
        // A failure to write the log must not stop the work that it reports.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}

fn carry<S>(id: &Id, fields: Fields, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    let mut extensions = span.extensions_mut();
    let mut carried = extensions.remove::<Carried>().unwrap_or_default();
    for (name, value) in fields.rest {
        if CARRIED.contains(&name) {
            carried.0.retain(|(known, _)| *known != name);
            carried.0.push((name, value));
        }
    }
    extensions.insert(carried);
}

fn time() -> String {
    let mut text = String::new();
    // Writing to a string does not fail; a failure would only omit the time.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// `<time>  INFO <target>: <message> name=value ...`.
fn human(metadata: &Metadata<'_>, fields: &Fields, color: bool) -> String {
    let (on, off) = if color { (shade(*metadata.level()), "\x1b[0m") } else { ("", "") };
    let mut line = format!("{} {on}{:>5}{off} {}: {}", time(), metadata.level(), metadata.target(), fields.message);
    for (name, value) in &fields.rest {
        // Writing to a string does not fail.
        let _ = match value.as_str().filter(|text| !text.is_empty() && !text.contains([' ', '"', '='])) {
            Some(plain) => write!(line, " {name}={plain}"),
            None => write!(line, " {name}={value}"),
        };
    }
    line.push('\n');
    line
}

fn shade(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use super::*;
    use crate::types::Timestamp;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, level: LogLevel, write_lines: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = LogConfig { format, level, directory: None };
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone()), write_lines);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_json_line_carries_request_and_actor_and_no_other_field_of_the_span() {
        let lines = written(LogFormat::Json, LogLevel::Info, || {
            let outer = tracing::info_span!("request", request_id = "r-1", route = "/x", actor = tracing::field::Empty);
            outer.record("actor", "root/auth");
            let _outer = outer.entered();
            let _inner = tracing::info_span!("message", actor = "root/user").entered();
            tracing::info!(status = 201, took_ms = 1.5, "answered");
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["message"], &line["level"]), (&Value::from("answered"), &Value::from("info")));
        assert_eq!((&line["correlationId"], &line["actor"]), (&Value::from("r-1"), &Value::from("root/user")));
        assert!(line.get("route").is_none() && line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["status"], 201);
    }

    #[test]
    fn a_json_line_begins_with_the_names_of_the_documents() {
        let lines = written(LogFormat::Json, LogLevel::Info, || {
            let _span = tracing::info_span!("request", request_id = "r-1").entered();
            let principal = "user:u-1";
            tracing::warn!(target: "majordomo::access", status = 200, principal, took_ms = 45_u64, "answered");
            tracing::info!(principal = "cli", "asked");
        });
        let (_, rest) = lines[0].split_once(',').unwrap();
        assert!(lines[0].starts_with("{\"timestamp\":\""), "{lines:?}");
        let wanted = concat!(
            r#""level":"warn","service":"edge","message":"answered","userId":"u-1","correlationId":"r-1","#,
            r#""duration":"45ms","target":"majordomo::access","status":200}"#
        );
        assert_eq!(rest, wanted);
        let other: Value = serde_json::from_str(&lines[1]).unwrap();
        assert_eq!((&other["principal"], other.get("userId"), other.get("duration")), (&"cli".into(), None, None));
    }

    #[test]
    fn a_directory_has_a_file_of_all_lines_and_one_of_errors() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/logs");
        let log = LogConfig { format: LogFormat::Json, directory: Some(directory.clone()), ..LogConfig::default() };
        for prefix in ["first", "second"] {
            let lines = file_lines(&log).unwrap().unwrap().with_filter(filter(log.level));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
                tracing::debug!("debug");
                tracing::info!("{prefix} info");
                tracing::warn!("{prefix} warning");
                tracing::error!(password = "hunter2", "{prefix} error");
            });
        }
        let messages = |name: &str| -> Vec<String> {
            let text = std::fs::read_to_string(directory.join(name)).unwrap();
            assert!(!text.contains("hunter2"), "{text}");
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
        };
        let all = ["first info", "first warning", "first error", "second info", "second warning", "second error"];
        assert_eq!(messages("combined.log"), all);
        assert_eq!(messages("error.log"), ["first warning", "first error", "second warning", "second error"]);
        let names: Vec<String> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 4, "two files of the day and their names: {names:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_created_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let log = LogConfig { directory: Some(file.join("logs")), ..LogConfig::default() };
        assert!(install(&log).is_err());
    }

    #[test]
    fn the_files_of_thirty_days_are_kept() {
        let home = tempfile::tempdir().unwrap();
        for day in 1..=28 {
            for month in [1, 2] {
                let name = format!("combined.2020-{month:02}-{day:02}.log");
                std::fs::write(home.path().join(name), "").unwrap();
            }
        }
        drop(LogFiles::open(home.path()).unwrap());
        let files = || std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap());
        let days = files().filter(|entry| entry.file_type().unwrap().is_file());
        assert_eq!(days.filter(|day| day.file_name().to_string_lossy().starts_with("combined")).count(), 30);
    }

    #[test]
    fn a_human_line_reads_from_left_to_right() {
        let lines = written(LogFormat::Human, LogLevel::Info, || {
            let _span = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::warn!(path = "a b", port = 8080, "hello");
        });
        let line = lines[0].replace("\x1b[33m", "").replace("\x1b[0m", "");
        let (_, rest) = line.split_once(' ').unwrap();
        assert_eq!(rest, " WARN majordomo::telemetry::log::tests: hello path=\"a b\" port=8080 request_id=r-1");
    }

    #[test]
    fn a_field_with_the_name_of_a_secret_is_not_written() {
        for format in [LogFormat::Json, LogFormat::Human] {
            let lines = written(format, LogLevel::Info, || {
                tracing::info!(password = "hunter2", refresh_token = %"hunter2", code = 123_456, status_codes = 3, "x");
                tracing::info!(code = "locked_out", otp_code = "123456", "y");
            });
            assert!(!lines[0].contains("hunter2") && !lines[0].contains("123456"), "{lines:?}");
            assert!(lines[0].contains("status_codes"), "{lines:?}");
            assert!(lines[1].contains("locked_out") && !lines[1].contains("123456"), "{lines:?}");
        }
    }

    #[test]
    fn a_line_cannot_be_forged() {
        for format in [LogFormat::Json, LogFormat::Human] {
            let lines = written(format, LogLevel::Info, || tracing::info!(agent = "x\n\x1b[2JINFO forged", "a\nb"));
            assert_eq!(lines.len(), 1);
            assert!(!lines[0].contains("\x1b[2J"));
        }
    }

    #[test]
    fn the_level_is_kept_and_libraries_are_quieter() {
        let write_lines = || {
            tracing::debug!("own");
            tracing::info!(target: "sled", "chatter");
            tracing::warn!(target: "sled", "trouble");
        };
        assert_eq!(written(LogFormat::Human, LogLevel::Info, write_lines).len(), 1);
        assert_eq!(written(LogFormat::Human, LogLevel::Debug, write_lines).len(), 2);
        assert_eq!(written(LogFormat::Human, LogLevel::Error, write_lines).len(), 0);
    }

    #[test]
    fn both_outputs_change_their_level_and_return() {
        let home = tempfile::tempdir().unwrap();
        let log = LogConfig { directory: Some(home.path().join("logs")), ..LogConfig::default() };
        let (to_files, set_files) = reload::Layer::new(filter(log.level));
        let errors = home.path().join("stderr");
        let stderr = std::fs::File::create(&errors).unwrap();
        let (subscriber, set_stderr) = subscriber_and_level(&log, stderr);
        let lines = file_lines(&log).unwrap().unwrap().with_filter(to_files);
        let switch = LogSwitch::of(log.level, vec![set_stderr, set_level(set_files)]);
        let (noon, minute) = (Timestamp::from_micros(1_767_268_800_000_000), Duration::from_mins(1));
        tracing::subscriber::with_default(subscriber.with(lines), || {
            tracing::trace!("trace before");
            switch.set(LogLevel::Trace, noon, minute);
            tracing::trace!("trace while");
            tracing::debug!(target: "sled", "of a library");
            switch.settle(noon.plus(minute));
            tracing::trace!("trace after");
            switch.set(LogLevel::Error, noon, minute);
            tracing::warn!("warning while");
        });
        for file in [errors, home.path().join("logs/combined.log")] {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains("trace while") && text.contains("its configured level again"), "{text}");
            for absent in ["trace before", "trace after", "of a library", "warning while"] {
                assert!(!text.contains(absent), "{absent} in {}: {text}", file.display());
            }
        }
    }

    #[test]
    fn installing_twice_changes_nothing() {
        install(&LogConfig::default()).unwrap();
        install(&LogConfig::default()).unwrap();
    }
}
