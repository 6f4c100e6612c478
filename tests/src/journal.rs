//! Stand-ins for the journal and for syslog: sockets at the places where the host's programs
//! send their events, read by the test.

use std::collections::BTreeMap;
use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long an event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(2);

/// One event in journald's native protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    fields: BTreeMap<String, String>,
}

impl Event {
    /// A field, `""` if the event lacks it. Bytes that are no UTF-8 show as U+FFFD.
    #[must_use]
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Reads a datagram: `FIELD=value` lines, and for values with newlines `FIELD`, a 64-bit
    /// little-endian length, the value, a newline.
    ///
    /// # Panics
    /// If it is neither: journald would lose the event.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        let mut rest = datagram;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or(&[]);
            if line.is_empty() {
                continue;
            }
            let (name, value) = if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
                (&line[..equals], &line[equals + 1..])
            } else {
                let (length, after) = rest.split_at_checked(8).expect("a length of 8 bytes");
                let length = u64::from_le_bytes(length.try_into().expect("8 bytes"));
                let length = usize::try_from(length).expect("a length that fits");
                let (value, after) = after.split_at_checked(length).expect("the whole value");
                rest = after.strip_prefix(b"\n").expect("a newline after a binary value");
                (line, value)
            };
            fields.insert(String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned());
        }
        Self { fields }
    }
}

/// What the host told its journal (or, as plain lines, its syslog).
pub struct Journal {
    shared: Arc<Shared>,
    socket: UnixDatagram,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    datagrams: Mutex<Vec<Vec<u8>>>,
    arrived: Condvar,
    stop: AtomicBool,
}

impl Journal {
    /// Listens at `path`. A thread reads, because senders would wait for a full socket.
    pub(crate) fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("the journal's socket");
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("its mode");
        let shared = Arc::new(Shared::default());
        let reading = Arc::clone(&shared);
        let reads = socket.try_clone().expect("a second descriptor");
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while let Ok(length) = reads.recv(&mut buffer) {
                if reading.stop.load(Ordering::Relaxed) {
                    return;
                }
                reading.datagrams.lock().expect("no panic").push(buffer[..length].to_vec());
                reading.arrived.notify_all();
            }
        });
        Self { shared, socket, reader: Some(reader) }
    }

    /// Everything that has arrived, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.datagrams().iter().map(|datagram| Event::parse(datagram)).collect()
    }

    /// Everything that has arrived, as text: syslog's lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let datagrams = self.datagrams();
        datagrams.iter().map(|datagram| String::from_utf8_lossy(datagram).into_owned()).collect()
    }

    /// The first event of tom's of this kind (`TOM_EVENT`), awaited for a moment.
    ///
    /// # Panics
    /// If none comes.
    #[must_use]
    #[track_caller]
    pub fn event(&self, kind: &str) -> Event {
        self.wait_for(kind, |event| event.get("TOM_EVENT") == kind)
    }

    /// The first event that `wanted` accepts, awaited for a moment.
    ///
    /// # Panics
    /// If none comes; `what` then says what was missed.
    #[must_use]
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + PATIENCE;
        let mut datagrams = self.shared.datagrams.lock().expect("no panic");
        loop {
            let events = datagrams.iter().map(|datagram| Event::parse(datagram));
            if let Some(event) = events.clone().find(&wanted) {
                return event;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen: Vec<Event> = events.collect();
                drop(datagrams);
                panic!("no event {what:?} within {PATIENCE:?}; the journal has {seen:#?}");
            }
            let waited = self.shared.arrived.wait_timeout(datagrams, left);
            datagrams = waited.expect("no panic").0;
        }
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        self.shared.datagrams.lock().expect("no panic").clear();
    }

    fn datagrams(&self) -> Vec<Vec<u8>> {
        self.shared.datagrams.lock().expect("no panic").clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_field_are_read() {
        let mut datagram = b"MESSAGE=one = two\nTOM_X\n".to_vec();
        datagram.extend_from_slice(&3_u64.to_le_bytes());
        datagram.extend_from_slice(b"a\nb\nPRIORITY=5\n");
        let event = Event::parse(&datagram);
        assert_eq!(event.get("MESSAGE"), "one = two");
        assert_eq!(event.get("TOM_X"), "a\nb");
        assert_eq!(event.get("PRIORITY"), "5");
        assert_eq!(event.get("ABSENT"), "");
    }
}
