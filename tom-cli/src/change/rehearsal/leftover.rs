//! What still runs in the namespaces of a rehearsal when it is over: a shell's ~/.bashrc may have started anything, and
//! it would keep the namespace of mounts, with a policy that is not in force, for as long as it likes.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What starts others while it is ended is looked for again; not for ever.
const ROUNDS: u8 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Ends every process but this one in its mount namespace. The caller has made sure that it is a rehearsal's.
pub(super) fn end_all() {
    for _ in 0..ROUNDS {
        let others = others();
        if others.is_empty() {
            return;
        }
        for pid in others {
            // Held before it is looked at once more: the number may have passed on.
            if let Ok(held) = pidfd_open(pid, PidfdFlags::empty())
                && is_inside(pid.as_raw_nonzero().get())
            {
                let _ = pidfd_send_signal(&held, Signal::KILL);
            }
        }
        thread::sleep(PAUSE);
    }
}

fn others() -> Vec<Pid> {
    let this = i32::try_from(std::process::id()).unwrap_or_default();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|number| *number != this && is_inside(*number)).filter_map(Pid::from_raw).collect()
}

/// A process that has ended has no namespaces any more.
fn is_inside(number: i32) -> bool {
    let of = |process: &str| -> Option<PathBuf> { fs::read_link(format!("/proc/{process}/ns/mnt")).ok() };
    of("self").is_some_and(|ours| of(&number.to_string()) == Some(ours))
}
