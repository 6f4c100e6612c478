//! `tom decide` as a stream: one answer for each line, whatever the line holds.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says what it expects"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tom_tests::Key;
use tom_tests::faults::{self, artefact};

/// A policy file that is gone when the test is.
struct PolicyFile(PathBuf);

impl PolicyFile {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let name = format!("tom-decide-{}-{:?}.toml", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    /// The policy of the fault tests: anna's token enters root from 203.0.113.5.
    fn sound() -> Self {
        let mut text = faults::POLICY.to_owned();
        for name in ["anna-blue", "anna-safe", "bert-lost"] {
            text = text.replace(&format!("TOKEN({name})"), Key::token(name).public());
        }
        Self::new(text)
    }

    fn start(&self) -> Child {
        let mut command = Command::new(artefact("/usr/bin/tom"));
        command.arg("decide").arg("--policy").arg(&self.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tom starts")
    }

    fn decide(&self, input: impl Into<Vec<u8>>) -> Output {
        let mut child = self.start();
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.into();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("no panic");
        output
    }

    /// The answers; the exit code must be 0.
    fn answers(&self, input: impl Into<Vec<u8>>) -> Vec<String> {
        let output = self.decide(input);
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
    }
}

impl Drop for PolicyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn question(from: &str) -> String {
    let key = Key::token("anna-blue");
    format!(r#"{{"service":"sshd","account":"root","from":"{from}","key":"{}","host":"web1"}}"#, key.public())
}

const GRANTED: &str = r#"{"verdict":"allow","reason":"granted","person":"anna","key_label":"blue","grant":"operator-admins","machine":null}"#;

/// Each of these is answered by an error, and the next question is answered as if nothing had been.
#[test]
fn a_line_that_is_no_request_is_answered_by_an_error() {
    let policy = PolicyFile::sound();
    let lines: [&[u8]; 38] = [
        b"{",
        b"nonsense",
        b"null",
        b"[]",
        b"\"sshd\"",
        b"{}",
        b"{\"service\":\"sshd\"}",
        b"{\"account\":\"root\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\"} x",
        b"{\"service\":\"sshd\",\"account\":\"root\"}{}",
        b"{\"service\":null,\"account\":\"root\"}",
        b"{\"service\":7,\"account\":\"root\"}",
        b"{\"service\":\"sshd\",\"account\":7}",
        b"{\"service\":\"sshd\",\"account\":[\"root\"]}",
        // A null account is sudo's, in phase auth.
        b"{\"service\":\"sshd\",\"account\":null}",
        b"{\"service\":\"sudo\",\"account\":null}",
        b"{\"service\":\"su\",\"phase\":\"auth\",\"account\":null}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"uid\":\"0\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"uid\":-1}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"uid\":4294967296}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"uid\":0.5}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"uid\":true}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"groups\":\"sudo\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"groups\":[1]}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"groups\":[null]}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"from\":1}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"key\":{}}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"phase\":\"login\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"phase\":1}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"at\":\"2026-11-23T10:00:00\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"at\":\"2026-11-23\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"at\":\"tomorrow\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"at\":1700000000}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"want_line\":\"yes\"}",
        b"{\"service\":\"sshd\",\"account\":\"root\",\"colour\":\"red\"}",
        // A name twice: two readers of one line may not see two requests.
        b"{\"service\":\"sshd\",\"account\":\"acme\",\"account\":\"root\"}",
        b"{\"service\":\"sshd\",\"account\":\"r\xff\xfet\"}",
        b"{\"service\":\"sshd\",\"account\":\"r\\ud800t\"}",
    ];
    let sound = question("203.0.113.5");
    let mut input = Vec::new();
    for line in lines {
        input.extend_from_slice(line);
        input.extend_from_slice(format!("\n{sound}\n").as_bytes());
    }
    let answers = policy.answers(input);
    assert_eq!(answers.len(), 2 * lines.len());
    for (pair, line) in answers.chunks(2).zip(lines) {
        let shown = String::from_utf8_lossy(line);
        let error = pair[0].strip_prefix("{\"error\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        assert!(error.is_some_and(|text| text.len() > 5), "{shown}: {}", pair[0]);
        assert_eq!(pair[1], GRANTED, "after {shown}");
    }
}

#[test]
fn null_is_absent_and_so_is_an_empty_address_or_key() {
    let policy = PolicyFile::sound();
    let rest = [
        "phase",
        "uid",
        "groups",
        "from",
        "key",
        "host",
        "at",
        "invoker",
        "invoker_uid",
        "invoker_groups",
        "want_line",
    ];
    let nulls: String = rest.map(|name| format!(",\"{name}\":null")).concat();
    let plain = r#"{"service":"sshd","account":"root","host":"web1""#;
    let input =
        format!("{plain}}}\n{plain}{}}}\n{plain},\"from\":\"\",\"key\":\"\"}}\n", nulls.replace(",\"host\":null", ""));
    let answers = policy.answers(input);
    let missing =
        r#"{"verdict":"deny","reason":"key-missing","person":null,"key_label":null,"grant":null,"machine":null}"#;
    assert_eq!(answers, [missing; 3]);
    // In sudo's auth a null account is none yet.
    let sudo = policy
        .answers("{\"service\":\"sudo\",\"phase\":\"auth\",\"account\":null,\"host\":null,\"invoker\":\"acme\"}\n");
    assert!(sudo[0].contains("not-governed"), "{sudo:?}");
}

#[test]
fn a_line_is_asked_for_in_phase_offer_alone() {
    let policy = PolicyFile::sound();
    let with = |more: &str| question("203.0.113.5").replace("{\"service\"", &format!("{{{more}\"service\""));
    let asked =
        ["\"phase\":\"offer\",\"want_line\":true,", "\"phase\":\"offer\",\"want_line\":false,", "\"want_line\":true,"];
    let answers = policy.answers(asked.map(with).join("\n"));
    let line =
        format!("verify-required,from=\\\"203.0.113.0/28\\\" {} tom:anna:blue", Key::token("anna-blue").public());
    let with_line = GRANTED.replace('}', &format!(",\"line\":\"{line}\"}}"));
    assert_eq!(answers, [with_line.as_str(), GRANTED, GRANTED]);
    let denied = policy.answers(r#"{"phase":"offer","want_line":true,"service":"sshd","account":"root"}"#);
    assert!(denied[0].ends_with("\"machine\":null,\"line\":null}"), "{denied:?}");
}

#[test]
fn blank_lines_are_skipped_and_the_order_is_kept() {
    let policy = PolicyFile::sound();
    let mut input = String::from("\n  \n\t\r\n");
    let addresses: Vec<String> = (0..500).map(|number| format!("203.0.113.{}", number % 32)).collect();
    for address in &addresses {
        input.push_str(&format!("{}\r\n\n", question(address)));
    }
    // The last line may lack its newline.
    let answers = policy.answers(input.trim_end());
    assert_eq!(answers.len(), addresses.len());
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.contains("granted"), number % 32 < 16, "{number}: {answer}");
    }
    assert!(policy.answers("").is_empty() && policy.answers("\n\n").is_empty());
}

/// A line of 100 MB costs neither memory nor the next answer.
#[test]
fn a_huge_line_is_an_error_and_no_more() {
    let policy = PolicyFile::sound();
    let mut input = vec![b'x'; 100 << 20];
    input.extend_from_slice(format!("\n{}\n", question("203.0.113.5")).as_bytes());
    let mut command = Command::new("prlimit");
    command.arg("--as=50000000").arg("--").arg(artefact("/usr/bin/tom")).arg("decide").arg("--policy").arg(&policy.0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("prlimit starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!((output.status.code(), answers.len()), (Some(0), 2), "{answers:?}");
    assert!(answers[0].starts_with("{\"error\":\"") && answers[1] == GRANTED, "{answers:?}");
    // Up to a mebibyte a line is read.
    let spaces = " ".repeat((1 << 20) - 1000);
    assert_eq!(policy.answers(format!("{}{spaces}\n", question("203.0.113.5"))), [GRANTED]);
}

/// Whoever asks one question at a time gets the answer before the next, and before the input ends.
#[test]
fn one_question_at_a_time() {
    let policy = PolicyFile::sound();
    let mut child = policy.start();
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe"));
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        while answers.read_line(&mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    for _ in 0..50 {
        stdin.write_all(format!("{}\n", question("203.0.113.5")).as_bytes()).unwrap();
        let answer = receiver.recv_timeout(Duration::from_secs(5)).expect("an answer before the next question");
        assert_eq!(answer.trim_end(), GRANTED);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    reader.join().unwrap();
}

/// A reader that goes away ends the stream, without a panic and without a word of one.
#[test]
fn a_closed_output_ends_the_stream() {
    let policy = PolicyFile::sound();
    let mut child = policy.start();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("a pipe");
    let started = Instant::now();
    let line = format!("{}\n", question("203.0.113.5"));
    while started.elapsed() < Duration::from_secs(10) && stdin.write_all(line.as_bytes()).is_ok() {}
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
}

#[test]
fn exit_codes() {
    let policy = PolicyFile::sound();
    assert_eq!(policy.decide("{\n").status.code(), Some(0));
    assert_eq!(PolicyFile::new("").decide(question("203.0.113.5")).status.code(), Some(4));
    assert_eq!(PolicyFile::new("schema = \"one\"").decide("").status.code(), Some(4));
    assert_eq!(PolicyFile::new(b"\xff\xfe").decide("").status.code(), Some(4));
    let tom = |arguments: &[&str]| {
        let output = Command::new(artefact("/usr/bin/tom")).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        output.status.code()
    };
    assert_eq!(tom(&["decide", "--policy", "/nonexistent/policy.toml"]), Some(3));
    assert_eq!(tom(&["decide", "--policy", "/"]), Some(3));
    assert_eq!(tom(&["decide", "--policy", "/dev/zero"]), Some(3));
    assert_eq!(tom(&["decide", "--polisy", "x"]), Some(2));
    assert_eq!(tom(&["decide", "x"]), Some(2));
}
