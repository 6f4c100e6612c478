//! A pcscd of a test's own, in its own mount, network and PID namespaces, and cards in its reader.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::LinkNameSpaceType;

use crate::{Card, End, Log, Token, serve};

mod agent;
mod elsewhere;

pub use agent::Agent;
pub use elsewhere::Elsewhere;

const SCRIPT: &str = include_str!("bench.sh");
/// Where vpcd waits for a card: its usual place, as the network is the bench's own.
pub const PORT: u16 = 0x8c7b;
const SECOND_PORT: u16 = 0x8c7c;
/// The name of the reader: that of a YubiKey, as Yubico's programs look at no other. pcscd adds ` 00 00`.
pub const READER: &str = "Yubico YubiKey CCID";
/// PKCS #11 of Yubico.
pub const YUBICO_PKCS11: &str = "/usr/lib/x86_64-linux-gnu/libykcs11.so";
/// PKCS #11 of OpenSC.
pub const OPENSC_PKCS11: &str = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// pcscd looks for a card every 0.4 s. A card that is exchanged meanwhile would be the same to it, without power.
const UNTIL_SEEN_GONE: Duration = Duration::from_secs(2);
/// From the card's power to pcscd's word that it is there; on a machine with other work a client was too early once.
const UNTIL_SEEN_THERE: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(20);

/// What keeps a pcscd from running here, if anything does.
#[must_use]
pub fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("a pcscd of one's own needs root (namespaces, mounts)".to_owned());
    }
    let needed = [
        ("/usr/sbin/pcscd", "pcscd"),
        (DRIVER, "vsmartcard-vpcd"),
        (OPENSC_PKCS11, "opensc-pkcs11"),
        ("/usr/bin/pkcs11-tool", "opensc"),
        ("/usr/bin/yubico-piv-tool", "yubico-piv-tool"),
        (YUBICO_PKCS11, "ykcs11"),
    ];
    for (path, package) in needed {
        if !Path::new(path).exists() {
            return Some(format!("no {path} (Debian package {package})"));
        }
    }
    None
}

/// A running pcscd with the virtual reader. Dropping it ends it and all that was started beside it in its PID
/// namespace; when the test process dies, the kernel does the same.
#[derive(Debug)]
pub struct Pcscd {
    holder: Child,
    first_pid: u32,
    directory: PathBuf,
    /// Whether some card was in the first reader, and in the second.
    used: [AtomicBool; 2],
}

impl Pcscd {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not start; see [`obstacle`].
    #[must_use]
    #[allow(clippy::expect_used, clippy::panic, reason = "a bench that does not start is a failed test")]
    pub fn start() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"])
            .args(["--", "/bin/sh", "-c", SCRIPT, "bench.sh"])
            .arg(DRIVER)
            .arg(format!("{PORT:#x}"))
            .arg(READER)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the namespace answers");
        let Ok(first_pid) = line.trim().parse() else {
            panic!("bench.sh failed; its messages are above");
        };
        let directory = PathBuf::from(format!("/proc/{first_pid}/root/run/pcscd"));
        let pcscd = Self { holder, first_pid, directory, used: Default::default() };
        let socket = pcscd.directory.join("pcscd.comm");
        wait(|| socket.exists()).unwrap_or_else(|| panic!("pcscd does not start:\n{}", pcscd.said()));
        pcscd
    }

    /// A program that sees this pcscd, and otherwise the machine. The socket is all that is different there, and the
    /// network is the caller's.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.first_pid)).args(["--mount", "--root", "--wdns=/", "--", program]);
        command.stdin(Stdio::null());
        command
    }

    /// A program that sees this pcscd and the port of its reader: a card in a process of its own.
    #[must_use]
    pub fn command_at_the_reader(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.first_pid))
            .args(["--mount", "--net", "--root", "--wdns=/", "--", program]);
        command.stdin(Stdio::null());
        command
    }

    /// The process whose mount namespace has this pcscd, for `nsenter --target`.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.first_pid
    }

    /// The directory of its socket, as the machine sees it: mount it over /run/pcscd elsewhere.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What pcscd wrote.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read(self.directory.join("log"))
            .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Puts a card into the reader and waits until pcscd has seen it. Another one that is there must be pulled first.
    ///
    /// # Panics
    /// If the card cannot be made or pcscd does not see it.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a card that cannot be inserted is a failed test")]
    pub fn insert(&self, card: Card) -> Inserted {
        self.insert_at(PORT, Token::new(card).expect("a card"))
    }

    /// Puts a card into the second reader, `… 00 01`.
    ///
    /// # Panics
    /// As [`Pcscd::insert`].
    #[must_use]
    #[allow(clippy::expect_used, reason = "a card that cannot be inserted is a failed test")]
    pub fn insert_beside(&self, card: Card) -> Inserted {
        self.insert_at(SECOND_PORT, Token::new(card).expect("a card"))
    }

    /// Puts a token that was pulled before into the first reader again.
    ///
    /// # Panics
    /// As [`Pcscd::insert`].
    #[must_use]
    pub fn insert_again(&self, token: Token) -> Inserted {
        self.insert_at(PORT, token)
    }

    #[allow(clippy::expect_used, clippy::panic, reason = "a card that cannot be inserted is a failed test")]
    fn insert_at(&self, port: u16, mut token: Token) -> Inserted {
        let [first, second] = &self.used;
        let used = if port == PORT { first } else { second };
        if used.swap(true, Ordering::Relaxed) {
            std::thread::sleep(UNTIL_SEEN_GONE);
        }
        let log = token.log();
        token.removed = false;
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.first_pid)).expect("the network");
        let (tell, told) = mpsc::channel();
        let (connected, connection) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // This thread alone goes there.
            rustix::thread::move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&network),
                Some(LinkNameSpaceType::Network),
            )
            .expect("the reader's network");
            let stream = wait_for(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()).expect("the reader");
            connected.send(stream.try_clone().expect("a second handle")).expect("the test waits");
            let end = serve(stream, &mut token, || {
                // The test waits for the first time alone.
                let _ = tell.send(());
            })
            .unwrap_or(End::ReaderGone);
            (token, end)
        });
        let stream = connection.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no reader:\n{}", self.said()));
        told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("pcscd sees no card:\n{}", self.said()));
        std::thread::sleep(UNTIL_SEEN_THERE);
        Inserted { log, stream, thread: Some(thread) }
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // The namespace's first process reads until this closes; the kernel ends the rest with it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A card in the reader. Dropping it pulls it.
#[derive(Debug)]
pub struct Inserted {
    log: Log,
    stream: TcpStream,
    thread: Option<JoinHandle<(Token, End)>>,
}

impl Inserted {
    /// What was done with the card: `log().count("verify wrong")`.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Pulls the card.
    ///
    /// # Panics
    /// If the card itself had panicked.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a card that panics is a failed test")]
    pub fn pull(mut self) -> Token {
        let _ = self.stream.shutdown(Shutdown::Both);
        let thread = self.thread.take().expect("pulled once");
        thread.join().expect("the card did not panic").0
    }
}

impl Drop for Inserted {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wait(mut condition: impl FnMut() -> bool) -> Option<()> {
    wait_for(|| condition().then_some(()))
}

fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(result) = attempt() {
            return Some(result);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
