//! The log of one run, for finding a problem afterwards: steps, warnings, errors, programs that ran, heads of HTTP calls.
//!
//! What a command says with [`Printer::say`](super::Printer::say) is not logged, because it may be a secret that somebody
//! asked to see. Bodies and credentials are never logged.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::Printer;
use crate::home;
use crate::humanbound::Timing;

/// How many runs are kept.
const KEPT: usize = 10;
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second][subsecond digits:3]Z");
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// The log target of heads of HTTP calls.
const WIRE: &str = "humanbound_sentinel::humanbound";

/// The log of one run. A line that cannot be written is lost: the run is not about its log.
pub(crate) struct RunLog {
    path: PathBuf,
    file: Mutex<File>,
    timing: Timing,
}

impl RunLog {
    /// Begins a log in a named file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn at(path: &Path, timing: Timing) -> io::Result<Self> {
        let file = open(OpenOptions::new().write(true).create(true).truncate(true), path)?;
        // An existing file may be readable for others.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), timing })
    }

    /// Begins a log in the folder of logs, and removes the oldest of the others.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub(crate) fn within(folder: &Path, command: &str, timing: Timing) -> io::Result<Self> {
        home::create(folder)?;
        let stamp = utc(timing.now()).format(STAMP).unwrap_or_default();
        let names = std::iter::once(String::new()).chain((2..100).map(|count| format!("_{count}")));
        for end in names {
            let path = folder.join(format!("{command}-{stamp}{end}.log"));
            match open(OpenOptions::new().write(true).create_new(true), &path) {
                Ok(file) => {
                    prune(folder);
                    return Ok(Self { path, file: Mutex::new(file), timing });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One line, with its time.
    pub(super) fn line(&self, kind: &str, text: &str) {
        let time = utc(self.timing.now()).format(TIME).unwrap_or_default();
        let text = text.replace('\n', "\n    ");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{time} {kind:<8} {text}").ok();
    }
}

fn utc(at: OffsetDateTime) -> OffsetDateTime {
    at.to_offset(time::UtcOffset::UTC)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Removes the oldest logs; a failure does no harm.
fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut logs: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_log(path)).collect();
    logs.sort_by_key(|path| stamp(path).map(str::to_owned));
    let surplus = logs.len().saturating_sub(KEPT);
    for old in logs.iter().take(surplus) {
        fs::remove_file(old).ok();
    }
}

/// When a run began, as its log's name has it.
fn stamp(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()?.rsplit_once('-').map(|(_, stamp)| stamp)
}

fn is_log(path: &Path) -> bool {
    let is_time =
        |stamp: &str| stamp.starts_with(|first: char| first.is_ascii_digit()) && stamp.contains('Z');
    path.extension().is_some_and(|extension| extension == "log") && stamp(path).is_some_and(is_time)
}

/// What hears the heads of the calls that a command makes, and tells `printer`.
pub(crate) fn heads(printer: Arc<Printer>) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(Heads(printer))
}

struct Heads(Arc<Printer>);

impl<S: Subscriber> Layer<S> for Heads {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with(WIRE)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.head(&line.0);
    }
}

/// The fields of an event, in their order; the message comes last, and says nothing that they do not.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            let gap = if self.0.is_empty() { "" } else { " " };
            write!(self.0, "{gap}{value:?}").ok();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_last_runs_are_kept_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |second: i64| {
            let now = datetime!(2026-11-28 10:00 UTC) + time::Duration::seconds(second);
            Timing::new(move || now, |_| std::future::ready(()).boxed())
        };
        std::fs::write(folder.path().join("notes.log"), "mine").unwrap();
        for second in 0..12 {
            let command = if second % 2 == 0 { "connect" } else { "rotate-secret" };
            RunLog::within(folder.path(), command, at(second)).unwrap().line("step", "one\ntwo");
        }
        let again = RunLog::within(folder.path(), "connect", at(11)).unwrap();
        assert!(again.path().ends_with("connect-20261128T100011000Z.log"));
        let again = RunLog::within(folder.path(), "connect", at(11)).unwrap();
        assert!(again.path().ends_with("connect-20261128T100011000Z_2.log"));
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), KEPT + 1, "{names:?}");
        assert!(names.contains(&"notes.log".to_owned()));
        assert!(!names.contains(&"connect-20261128T100002000Z.log".to_owned()), "{names:?}");
        let kept = fs::read_to_string(folder.path().join("rotate-secret-20261128T100011000Z.log")).unwrap();
        assert_eq!(kept, "2026-11-28T10:00:11.000Z step     one\n    two\n");
    }
}
