//! Processor time, which other programs on the machine do not lengthen, and how many there are.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Ticks of `/proc/self/stat` in a second, on every Linux since 2.6.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time of this thread so far.
pub fn of_thread() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// Processor time of this process so far, all its threads together, those that ended included.
pub fn of_process() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

/// Processor time so far of all child processes that have ended, theirs included; resolution 10 ms.
pub fn of_children() -> Duration {
    // The second field is the program's name in parentheses and may hold anything.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Fields 16 and 17, of which the third is the first here.
    let ticks: u64 = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// Processes that ran or wanted to, on average over the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The most memory that this process has held so far, in bytes; 0 where the system does not say.
pub fn peak_memory() -> u64 {
    status("VmHWM:")
}

/// Memory that this process holds, in bytes; 0 where the system does not say.
pub fn memory() -> u64 {
    status("VmRSS:")
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// What the processor calls itself.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
    };
    let name = field("model name").unwrap_or_else(|| "unknown processor".to_owned());
    let flags = field("flags").unwrap_or_default();
    let widest = ["avx512bw", "avx2"].into_iter().find(|&wanted| flags.split(' ').any(|flag| flag == wanted));
    let family = field("cpu family").map(|family| format!(", family {family}")).unwrap_or_default();
    widest.map_or(format!("{name}{family}"), |flag| format!("{name}{family}, {flag}"))
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).expect("processor time is not negative");
    Duration::from_secs(seconds) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}
