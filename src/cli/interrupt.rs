//! The signals that ask a program to end.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use console::Term;

use super::error::{self, Exit, with_hint};
use super::output::Printer;

/// A command that waits for a key does not notice the signal; it is ended after this time.
const GRACE: Duration = Duration::from_millis(500);

/// What a terminal's own key for it is called.
pub(crate) const CTRL_C: &str = "Ctrl-C";

/// Lets a command that was interrupted ask what to do now, for as long as nobody interrupts it once more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From here on only another signal ends the process.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a command until it ends, or until somebody interrupts it: then it stops where it stands.
///
/// Whatever a command does is saved step by step, so that the next run goes on from there. One that `hears_signals` itself
/// has more to say of where it stopped, and is only ended when it does not end.
///
/// # Errors
/// Those of the command; an interruption is one, with the exit code 130.
pub(crate) async fn or(
    command: impl Future<Output = Result<Exit>>,
    printer: &Arc<Printer>,
    (patience, hears_signals): (Patience, bool),
) -> Result<Exit> {
    let printer = Arc::clone(printer);
    tokio::spawn(async move {
        let Ok(mut signal) = any().await else { return };
        tokio::time::sleep(GRACE).await;
        if patience.0.load(Ordering::Relaxed) {
            let Ok(second) = any().await else { return };
            signal = second;
            tokio::time::sleep(GRACE).await;
        }
        leave(&printer, signal);
    });
    let question = |error| if is_interrupted(&error) { told(CTRL_C) } else { error };
    if hears_signals {
        return command.await.map_err(question);
    }
    tokio::select! {
        // From its first step on it can be interrupted.
        biased;
        signal = any() => Err(told(signal?)),
        outcome = command => outcome.map_err(question),
    }
}

/// Waits for the first of them and returns its name.
#[cfg(unix)]
pub(crate) async fn any() -> Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map(|()| CTRL_C).map_err(Into::into),
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = hang_up.recv() => Ok("SIGHUP"),
    }
}

/// Waits for the first of them and returns its name.
#[cfg(not(unix))]
pub(crate) async fn any() -> Result<&'static str> {
    tokio::signal::ctrl_c().await?;
    Ok(CTRL_C)
}

fn told(signal: &str) -> anyhow::Error {
    with_hint(error::interrupted(signal), "run the same command again; it goes on from what is done")
}

/// A question on the terminal takes Ctrl-C for itself and fails.
fn is_interrupted(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::Interrupted)
}

#[expect(clippy::exit, reason = "a thread that reads the terminal ends only with the process")]
fn leave(printer: &Printer, signal: &str) {
    // A question may have hidden it.
    Term::stderr().show_cursor().ok();
    process::exit(i32::from(printer.finish(&Err(told(signal)))));
}
