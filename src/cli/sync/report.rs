//! The messages of a backfill: while it runs, and at its end.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::downstream::Rows;
use crate::cli::output::{Printer, Running, duration, grouped, minute, wrap};
use crate::humanbound::backfill::{Forecast, Notice, Observer, Options, Outcome, Verdict, Window, timestamp};

/// Where lines cannot be drawn over, one comes no more often than this.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Why late events open no incidents.
const LATE: [&str; 2] = [
    "EventTime is when an event happened; TimeGenerated is when its row arrives, which is now.",
    "Rules skip what happened over 24 h before its row, so events of the past open no incidents.",
];

/// Shows the progress to a person.
pub(super) struct Teller<'a> {
    printer: &'a Printer,
    step: &'a Running<'a>,
    told_at: Option<Instant>,
    /// How far it was at the last answer.
    so_far: String,
}

impl<'a> Teller<'a> {
    pub(super) fn new(printer: &'a Printer, step: &'a Running<'a>) -> Self {
        Self { printer, step, told_at: None, so_far: String::new() }
    }

    /// A line that may be left out.
    fn tell(&mut self, text: &str) {
        let is_time = self.told_at.is_none_or(|at| at.elapsed() >= BETWEEN_LINES);
        if is_time || io::stderr().is_terminal() {
            self.told_at = Some(Instant::now());
            self.step.progress(text);
        }
    }

    fn answered(&mut self, window: &Window, queued: u64, verdict: Verdict, progress: &Outcome) {
        let of = (progress.until - progress.since).as_seconds_f64().max(1.0);
        let share = (progress.done_until - progress.since).as_seconds_f64() / of * 100.0;
        let (until, total) = (minute(progress.done_until), grouped(progress.queued));
        self.so_far = format!("{share:.0} %, up to {until}, {total} events queued");
        let what = match verdict {
            Verdict::Done => "delivered whole",
            Verdict::Split => "full: its parts are next",
            Verdict::ByType => "full: the known event types are next",
            Verdict::NeedsProjects => "full: its projects are next",
            Verdict::Incomplete => "full, and cannot be split",
        };
        self.printer.verbose(&format!("{}: {} events, {what}", shown(window), grouped(queued)));
        match verdict {
            Verdict::ByType => self.printer.warn(&format!(
                "{}: more than {} events at once; they are asked for by known event type, others may lack",
                shown(window),
                grouped(queued)
            )),
            Verdict::Incomplete => {
                self.printer.warn(&format!("{}: more events than can be asked for", shown(window)));
            }
            Verdict::Done | Verdict::Split | Verdict::NeedsProjects => {}
        }
        let text = self.so_far.clone();
        self.tell(&text);
    }
}

impl Observer for Teller<'_> {
    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Began { since, until, from } => {
                let on = from.map(|from| format!(", going on at {}", minute(from))).unwrap_or_default();
                self.printer.say("Range", &format!("{} to {}{on}", timestamp(*since), timestamp(*until)));
            }
            Notice::Answered { window, queued, verdict, progress } => {
                self.answered(window, *queued, *verdict, progress);
            }
            Notice::Delivering { delivered, of } => {
                let text = format!("{}; {} of {} delivered", self.so_far, grouped(*delivered), grouped(*of));
                self.tell(&text);
            }
            Notice::Stalled { delivered, of } => self.printer.warn(&format!(
                "the platform stopped counting at {} of {} deliveries; from here on time alone sets the pace",
                grouped(*delivered),
                grouped(*of)
            )),
            Notice::Slower { times } => self.printer.warn(&format!(
                "the connector has trouble taking the events; windows take {times} times as long"
            )),
            Notice::Throttled { pause } => {
                self.printer.say("Waiting", &format!("{}, as the platform asks for", duration(*pause)));
            }
            Notice::Again { window, reason, pause } => self.printer.warn(&format!(
                "{}: {reason}; it is asked for again in {}",
                shown(window),
                duration(*pause)
            )),
            Notice::WholeDays => {
                self.printer.warn("the platform does not take times here; whole days are asked for");
            }
        }
    }
}

/// A window on one line.
fn shown(window: &Window) -> String {
    let mut text = format!("{} to {}", timestamp(window.since), timestamp(window.until));
    for filter in [&window.event_type, &window.project_id].into_iter().flatten() {
        text.push(' ');
        text.push_str(filter);
    }
    text
}

/// The end on one line.
pub(super) fn summary(outcome: &Outcome) -> String {
    let windows = if outcome.windows == 1 { "window" } else { "windows" };
    let mut text =
        format!("{} events queued in {} {windows}", grouped(outcome.queued), grouped(outcome.windows));
    if !outcome.incomplete.is_empty() {
        write!(text, ", {} incomplete", outcome.incomplete.len()).ok();
    }
    text
}

/// The end, for a person, in lines of at most `width` characters.
pub(super) fn text(outcome: &Outcome, rows: &Result<Rows, String>, width: usize) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| entry(&mut text, name, value, width);
    line("Range", &format!("{} to {}", timestamp(outcome.since), timestamp(outcome.until)));
    line("Queued", &summary(outcome).replacen(" queued", "", 1));
    let known = match outcome.duplicates {
        0 => "none but".to_owned(),
        some => format!("at most {} of them, and", grouped(some)),
    };
    line(
        "Duplicates",
        &format!(
            "{known} what happened in the very second where two windows meet: EventId removes them, Azure bills them"
        ),
    );
    line(
        "Delivered",
        &match outcome.delivered {
            Some(number) => {
                format!(
                    "{} in this run by the platform's count, which has retries and live events",
                    grouped(number)
                )
            }
            None => "not known: the platform does not count deliveries".to_owned(),
        },
    );
    line(
        "Rows",
        &match rows {
            Ok(Rows { rows, events }) => format!(
                "{} of {} events since this run began; the last ones take some minutes",
                grouped(*rows),
                grouped(*events)
            ),
            Err(reason) => format!("not asked for: {reason}"),
        },
    );
    if outcome.unclear > 0 {
        line("Unclear", &format!("{} requests, each made again", grouped(outcome.unclear)));
    }
    if outcome.by_type > 0 {
        let note = "windows were asked for by known event type; events of other types may lack there";
        line("By type", &format!("{} {note}", grouped(outcome.by_type)));
    }
    for window in &outcome.incomplete {
        line("Incomplete", &format!("{}: more events than the platform queues at once", shown(window)));
    }
    for paragraph in LATE {
        text.push('\n');
        text.push_str(&wrap(paragraph, width).join("\n"));
    }
    text.push('\n');
    text
}

/// A name and its value, which goes on below itself.
fn entry(text: &mut String, name: &str, value: &str, width: usize) {
    const NAME: usize = 12;
    let mut head = format!("{name:NAME$}");
    for line in wrap(value, width.saturating_sub(NAME)) {
        text.extend([head.as_str(), &line, "\n"]);
        head = " ".repeat(NAME);
    }
}

/// The end, for a program.
pub(super) fn json(outcome: &Outcome, rows: &Result<Rows, String>) -> Value {
    let rows = rows.as_ref().ok().map(|found| json!({ "rows": found.rows, "events": found.events }));
    json!({
        "since": timestamp(outcome.since), "until": timestamp(outcome.until), "through": timestamp(outcome.done_until),
        "queued": outcome.queued, "windows": outcome.windows, "duplicates": outcome.duplicates,
        "delivered": outcome.delivered, "rows": rows, "unclear": outcome.unclear, "by_type": outcome.by_type,
        "whole_days": outcome.whole_days, "incomplete": windows(&outcome.incomplete),
    })
}

fn windows(windows: &[Window]) -> Vec<Value> {
    let one = |window: &Window| {
        json!({
            "since": timestamp(window.since), "until": timestamp(window.until),
            "event_type": window.event_type, "project_id": window.project_id,
        })
    };
    windows.iter().map(one).collect()
}

/// What would be done, for a person, in lines of at most `width` characters.
pub(super) fn forecast_text(forecast: &Forecast, options: &Options, width: usize) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| entry(&mut text, name, value, width);
    line("Range", &format!("{} to {}", timestamp(forecast.since), timestamp(forecast.until)));
    line("Project", options.project_id.as_deref().unwrap_or("all"));
    line("Event type", options.event_type.as_deref().unwrap_or("all"));
    for (index, window) in forecast.first.iter().enumerate() {
        line(if index == 0 { "Windows" } else { "" }, &shown(window));
    }
    let min = forecast.min_windows;
    let more = if min > forecast.first.len() { " in all" } else { "" };
    let each = duration(forecast.time_per_thousand);
    line("", &format!("{min}{more} if they hold few events; a window that is full is split"));
    line("Time", &format!("at least {}, and {each} for every 1,000 events", duration(forecast.min_time)));
    line("Events", "cannot be counted without delivering them");
    text
}

/// What would be done, for a program.
pub(super) fn forecast_json(forecast: &Forecast, options: &Options) -> Value {
    json!({
        "dry_run": true, "since": timestamp(forecast.since), "until": timestamp(forecast.until),
        "project_id": options.project_id, "event_type": options.event_type,
        "first_windows": windows(&forecast.first), "min_windows": forecast.min_windows,
        "min_seconds": forecast.min_time.as_secs(),
        "seconds_per_thousand_events": forecast.time_per_thousand.as_secs(), "events": null,
    })
}
