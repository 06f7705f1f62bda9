//! The log in a directory: `combined.log` and `error.log`, a new file each day.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

use tracing::{Level, Metadata};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::MakeWriter;

use crate::types::limits;

/// The files of the log. `combined.log` and `error.log` are links to the files of the day.
pub(super) struct LogFiles {
    combined: RollingFileAppender,
    /// The lines of errors and warnings, which are also in `combined.log`.
    errors: RollingFileAppender,
}

impl LogFiles {
    /// Opens the files of today in `directory`, which is created if it does not exist.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // The links hold absolute paths, so that they are valid from any working directory.
        let directory = directory.canonicalize()?;
        Ok(Self { combined: appender(&directory, "combined")?, errors: appender(&directory, "error")? })
    }
}

fn appender(directory: &Path, name: &str) -> io::Result<RollingFileAppender> {
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .latest_symlink(format!("{name}.log"))
        .max_log_files(limits::LOG_FILES)
        .build(directory)
        .map_err(io::Error::other)
}

/// One line, for one file or both.
pub(super) struct FileLine<'a> {
    combined: <RollingFileAppender as MakeWriter<'a>>::Writer,
    errors: Option<<RollingFileAppender as MakeWriter<'a>>::Writer>,
}

impl io::Write for FileLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A failure in one file must not prevent the line in the other.
        let written = self.combined.write_all(bytes);
        self.errors.iter_mut().try_for_each(|errors| errors.write_all(bytes))?;
        written.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.combined.flush()?;
        self.errors.iter_mut().try_for_each(io::Write::flush)
    }
}

impl<'a> MakeWriter<'a> for LogFiles {
    type Writer = FileLine<'a>;

    fn make_writer(&'a self) -> FileLine<'a> {
        FileLine { combined: self.combined.make_writer(), errors: None }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> FileLine<'a> {
        let is_error = *metadata.level() <= Level::WARN;
        let errors = is_error.then(|| self.errors.make_writer());
        FileLine { combined: self.combined.make_writer(), errors }
    }
}
