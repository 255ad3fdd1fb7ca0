//! Everything that asks the operating system about itself: descriptors, memory, CPU clocks.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Whether this process's descriptor limit may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Descriptors {
    /// Leave the limit as it is, as a library should.
    #[default]
    Keep,
    /// Raise the soft limit to the hard one, as a command should.
    Raise,
}

/// How many descriptors this process may have open; `u64::MAX` if unlimited.
pub fn descriptor_limit(descriptors: Descriptors) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    if descriptors == Descriptors::Keep || current >= maximum {
        return current;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Some systems forbid even the hard limit as a soft one; the old limit still works then.
    if setrlimit(Resource::Nofile, raised).is_ok() { maximum } else { current }
}

/// Descriptors open now; 0 where the system does not tell.
#[expect(clippy::disallowed_methods, reason = "procfs answers from memory")]
pub(crate) fn descriptors_open() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// CPU time this thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What a thread that only computes is nicer by than those that answer to the network.
#[cfg(all(any(feature = "extract", feature = "crawl"), target_os = "linux"))]
const NICE: i32 = 5;

/// Lets this thread wait while event loops have something to do, where the system can tell threads
/// apart by it.
#[cfg(any(feature = "extract", feature = "crawl"))]
pub(crate) fn come_after_loops() {
    #[cfg(target_os = "linux")]
    {
        // Linux knows a thread by its number as it knows a process. Without it loops wait longer.
        let _kept = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    }
}

/// Peak resident memory of this process, in bytes; 0 where the system does not tell.
#[expect(clippy::disallowed_methods, reason = "procfs answers from memory")]
pub(crate) fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = field.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}
