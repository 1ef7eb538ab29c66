//! CPU time, as Linux tells it: of a process, of a thread, of the whole machine.

use std::time::Duration;

use anyhow::Context as _;

/// Linux reports CPU time to programs in hundredths of a second on every architecture that Rust runs on.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
const TICKS_PER_SECOND: u64 = 100;

/// The file that tells the calling thread's CPU time.
pub(crate) fn this_thread() -> anyhow::Result<String> {
    let thread = std::fs::read_link("/proc/thread-self")?;
    Ok(format!("/proc/{}/stat", thread.display()))
}

/// User and system time from a `stat` file of a process or thread.
pub(crate) fn cpu_time(stat: &str) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(stat)?;
    // The name in parentheses may hold blanks; the fields behind it are numbers. utime and stime are the 14th and 15th.
    let (_, fields) = text.rsplit_once(')').context("an unknown form of /proc/PID/stat")?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks_to_time(ticks.sum::<Result<_, _>>()?))
}

/// Time that all processors together were not idle, including what the hypervisor took away.
pub(crate) fn machine_busy() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line =
        text.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("no cpu in /proc/stat")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal; guest times are in user already.
    let busy = ticks.iter().take(8).enumerate().filter(|(field, _)| !matches!(field, 3 | 4));
    Ok(ticks_to_time(busy.map(|(_, ticks)| ticks).sum()))
}

fn ticks_to_time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// CPU time of this whole process.
pub(crate) fn own_cpu() -> anyhow::Result<Duration> {
    cpu_time("/proc/self/stat")
}
