//! pcscd's socket in another mount namespace, where a bind mount cannot reach.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::Pcscd;

/// A socket that leads to a pcscd. Dropping it takes it away; connections that are open stay.
#[derive(Debug)]
pub struct Elsewhere {
    socket: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pcscd {
    /// Lets programs of a host speak to this pcscd, as if the token were plugged in there:
    /// `pcscd.reachable_at(&host.path("/run/pcscd/pcscd.comm"))`.
    ///
    /// # Panics
    /// If the socket cannot be made.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a bench that does not start is a failed test")]
    pub fn reachable_at(&self, socket: &Path) -> Elsewhere {
        std::fs::create_dir_all(socket.parent().expect("a directory")).expect("its directory");
        let listener = UnixListener::bind(socket).expect("the socket");
        let ended = Arc::new(AtomicBool::new(false));
        let (target, ending) = (self.directory.join("pcscd.comm"), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                // Without pcscd the client finds its connection closed.
                if let (Ok(client), Ok(pcscd)) = (client, UnixStream::connect(&target)) {
                    let _ = join(&client, &pcscd);
                }
            }
        });
        Elsewhere { socket: socket.to_owned(), ended, thread: Some(thread) }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread.
        if UnixStream::connect(&self.socket).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Carries both ways until one side ends.
fn join(client: &UnixStream, pcscd: &UnixStream) -> std::io::Result<()> {
    for (from, to) in [(client, pcscd), (pcscd, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                if to.write_all(bytes.get(..length).unwrap_or_default()).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
