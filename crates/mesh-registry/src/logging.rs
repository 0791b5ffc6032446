//! What the registry writes about itself: one line per event, for people or for programs.

use std::fmt;
use std::io::{self, Write};

use jiff::tz::TimeZone;
use mesh_core::Clock;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::LogFormat;

/// Starts logging: errors to stderr, the rest to stdout. Only the first call has an effect.
pub(crate) fn start(level: LevelFilter, format: LogFormat) {
    let writer = (|| Unminding(io::stderr()))
        .with_max_level(Level::ERROR)
        .or_else(|| Unminding(io::stdout()));
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer);
    // A second subscriber is a program with two registries; the first one's log serves both.
    let _ = match format {
        LogFormat::Json => tracing::subscriber::set_global_default(
            builder
                .json()
                .flatten_event(true)
                .with_target(false)
                .finish(),
        ),
        LogFormat::Text => tracing::subscriber::set_global_default(
            builder
                .event_format(LineFormat)
                .fmt_fields(DefaultFields::new())
                .finish(),
        ),
    };
}

/// A stream that does not mind a reader who left: the registry must outlive its log, and the
/// subscriber would report the failure on standard error and panic if that fails too.
struct Unminding<W>(W);

impl<W: Write> Write for Unminding<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).or(Ok(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

/// `YYYY-MM-DD HH:MM:SS LEVEL    message`, local time, the level padded to eight columns.
struct LineFormat;

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::from_nanosecond(i128::from(Clock::System.now().as_nanos()))
            .unwrap_or_default()
            .to_zoned(TimeZone::system());
        let level = match *event.metadata().level() {
            Level::WARN => "WARNING",
            level => level.as_str(),
        };
        write!(writer, "{} {level:<8} ", now.strftime("%Y-%m-%d %H:%M:%S"))?;
        let mut fields = String::new();
        context.format_fields(Writer::new(&mut fields), event)?;
        for character in fields.chars() {
            // Agents choose names; a name must not start a line of its own or colour it.
            if character.is_control() {
                write!(writer, "{}", character.escape_default())?;
            } else {
                writer.write_char(character)?;
            }
        }
        writeln!(writer)
    }
}
