//! Single system calls made to fail, by strace on the shipped programs.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::command::Output;
use crate::host::Host;

/// One system call of a program's run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub call: String,
    /// How many of that name came so far, this one included.
    pub number: usize,
    /// The line that strace wrote.
    pub line: String,
}

/// What one system call was made to do.
#[derive(Clone, Debug)]
pub struct Injected {
    /// How the program ended.
    pub output: Output,
    /// Whether the fault hit: a run may differ from the one before.
    pub hit: bool,
}

/// A program that is run again and again under strace.
pub struct Traced<'a> {
    host: &'a Host,
    command: Vec<String>,
    run: Box<dyn Fn(Vec<String>) -> Output + 'a>,
}

impl<'a> Traced<'a> {
    /// This command on this host, as root or as that user.
    #[must_use]
    pub fn new(host: &'a Host, user: Option<&'a str>, command: Vec<String>) -> Self {
        let run = move |words: Vec<String>| {
            let command = host.command().timeout(Duration::from_secs(3));
            let command = match user {
                Some(user) => command.as_user(user),
                None => command,
            };
            command.run(words)
        };
        Self { host, command, run: Box::new(run) }
    }

    /// The same of a command that something else starts (a login): `run` gets strace and the command as words.
    #[must_use]
    pub fn by(host: &'a Host, command: Vec<String>, run: impl Fn(Vec<String>) -> Output + 'a) -> Self {
        Self { host, command, run: Box::new(run) }
    }

    /// Runs it without a fault. All its system calls but those that cannot fail (its start and its end); with
    /// `after`, those behind the last one that names that text, and the closing of what was opened there.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn steps(&self, after: Option<&str>) -> (Vec<Step>, Output) {
        let (output, trace) = self.strace(&[]);
        let mut counts = BTreeMap::new();
        let mut steps = Vec::new();
        for line in trace.lines() {
            let Some((call, _)) = line.split_once('(') else { continue };
            if !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                continue;
            }
            let number = counts.entry(call.to_owned()).and_modify(|count| *count += 1).or_insert(1_usize);
            if after.is_some_and(|text| line.contains(text)) {
                steps.clear();
                continue;
            }
            if !["execve", "exit_group", "exit"].contains(&call) {
                steps.push(Step { call: call.to_owned(), number: *number, line: line.to_owned() });
            }
        }
        if after.is_some() {
            let closed = steps.iter().position(|step| step.call == "close").expect("the file is closed");
            steps.drain(..=closed);
        }
        assert!(!steps.is_empty(), "no system calls: {output:#?}\n{trace}");
        (steps, output)
    }

    /// Runs it with this done to that call: `error=EIO`, `retval=0`, `signal=KILL`.
    #[must_use]
    pub fn inject(&self, step: &Step, what: &str) -> Injected {
        let expression = format!("inject={}:{what}:when={}", step.call, step.number);
        let (output, trace) = self.strace(&["-e", &format!("trace={}", step.call), "-e", &expression]);
        let hit = trace.contains("(INJECTED)") || trace.contains("+++ killed by SIGKILL +++");
        Injected { output, hit }
    }

    fn strace(&self, options: &[&str]) -> (Output, String) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let file = format!("/tmp/strace-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let words = ["strace", "-s", "256", "-o", &file].into_iter().chain(options.iter().copied()).chain(["--"]);
        let output = (self.run)(words.map(str::to_owned).chain(self.command.iter().cloned()).collect());
        let path = self.host.path(&file);
        let trace = fs::read(&path).unwrap_or_else(|error| panic!("no trace: {error}: {output:#?}"));
        fs::remove_file(path).expect("removed");
        (output, String::from_utf8_lossy(&trace).into_owned())
    }
}
