//! Ctrl-C while another program works for us: it ends that program, and we clear away what we began.

use crate::ffi;

/// From now on Ctrl-C and a terminal that is closed end the programs that this one starts, not this one.
pub fn outlive() {
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP] {
        ffi::outlive_signal(signal);
    }
}
