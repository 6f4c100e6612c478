//! The moment at which a decision is made.
//!
//! What: the host's wall clock as a number, the only place that reads it. Why: the rules take time
//! as an argument, so that every moment can be tried. What must never happen: that an implausible
//! clock (before 1980, after 2100, before 1970) is corrected or panicked over here; the rules judge
//! it and deny.

use std::time::SystemTime;

/// Seconds since the beginning of 1970, UTC; negative before.
#[must_use]
pub fn now() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| s.saturating_neg()),
    }
}

/// Milliseconds since the host was started, times of suspension included (CLOCK_BOOTTIME, clock_gettime(2)): what
/// nobody sets.
#[must_use]
pub fn since_boot_milliseconds() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let rest = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1000).saturating_add(rest.saturating_div(1_000_000))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    #[test]
    fn is_the_clock_of_the_system() {
        let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        assert!(super::now().abs_diff(i64::try_from(system.as_secs()).unwrap()) <= 1);
    }
}
