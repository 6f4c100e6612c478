//! `tom decide`: a stream of questions, for tests, for other programs, and for "what if".

use crate::exit::{Exit, Failure};
use crate::policy_source;
use libtom::decision::{Answer, Groups, Key, Origin, Phase, Request, decide};
use libtom::host_policy::{HostFacts, HostPolicy};
use libtom::keyline;
use libtom::moment::Moment;
use libtom::policy::{Policy, Service};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use tom_host::active_policy;
use tom_host::clock;
use tom_host::host_identity::HostIdentity;

/// No request is longer; what follows on a longer line is skipped.
const LONGEST_LINE: usize = 1 << 20;

/// As many hosts are kept resolved at once.
const MOST_HOSTS: usize = 256;

/// Answers until the input ends.
pub(crate) fn run(file: Option<&Path>) -> Result<Exit, Failure> {
    let policy = policy_source::read(file)?.policy;
    let this_host = policy_source::this_host()?;
    if file.is_some() {
        return answer_all(Policies::of(&policy, this_host, None));
    }
    // Of this host the answer is what logins get, with all that may be wrong with the active policy.
    active_policy::with_policy(|here, _| answer_all(Policies::of(&policy, this_host, Some(here))))
}

fn answer_all(mut policies: Policies<'_>) -> Result<Exit, Failure> {
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        match read_line(&mut input, &mut line)
            .map_err(|error| Failure::not_checked(format!("standard input: {error}")))?
        {
            Line::End => break,
            Line::TooLong => write_answer(&mut output, &Problem { error: "the line is too long".to_owned() }),
            Line::Complete if line.iter().all(u8::is_ascii_whitespace) => Ok(()),
            Line::Complete => match policies.answer(&line) {
                Ok(reply) => write_answer(&mut output, &reply),
                Err(error) => write_answer(&mut output, &Problem { error }),
            },
        }
        .map_err(|error| Failure::not_checked(format!("standard output: {error}")))?;
        // Whoever asks one question at a time gets the answer before the next.
        if input.buffer().is_empty() {
            output.flush().map_err(|error| Failure::not_checked(format!("standard output: {error}")))?;
        }
    }
    output.flush().map_err(|error| Failure::not_checked(format!("standard output: {error}")))?;
    Ok(Exit::Fine)
}

enum Line {
    Complete,
    TooLong,
    End,
}

fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Complete,
            });
        }
        let (part, ends) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (available.get(..end).unwrap_or_default(), true),
            None => (available, false),
        };
        let used = part.len().saturating_add(usize::from(ends));
        if line.len().saturating_add(part.len()) > LONGEST_LINE {
            too_long = true;
        } else {
            line.extend_from_slice(part);
        }
        input.consume(used);
        if ends {
            return Ok(if too_long { Line::TooLong } else { Line::Complete });
        }
    }
}

fn write_answer(output: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")
}

/// What a line may hold. `null` is absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    phase: Option<String>,
    service: String,
    #[serde(deserialize_with = "present")]
    account: Option<String>,
    uid: Option<u32>,
    groups: Option<Vec<String>>,
    from: Option<String>,
    key: Option<String>,
    host: Option<String>,
    at: Option<String>,
    invoker: Option<String>,
    invoker_uid: Option<u32>,
    invoker_groups: Option<Vec<String>>,
    want_line: Option<bool>,
}

/// A field that may be null, but not left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

#[derive(Serialize)]
struct Reply<'p> {
    verdict: &'static str,
    reason: &'static str,
    person: Option<&'p str>,
    key_label: Option<&'p str>,
    grant: Option<&'p str>,
    machine: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<Option<String>>,
}

#[derive(Serialize)]
struct Problem {
    error: String,
}

/// The policy, resolved for each host that is asked about.
struct Policies<'p> {
    policy: &'p Policy,
    this_host: HostIdentity,
    here: Option<&'p HostPolicy<'p>>,
    resolved: BTreeMap<String, HostPolicy<'p>>,
    nothing: HostPolicy<'p>,
}

impl<'p> Policies<'p> {
    fn of(policy: &'p Policy, this_host: HostIdentity, here: Option<&'p HostPolicy<'p>>) -> Self {
        Self { policy, this_host, here, resolved: BTreeMap::new(), nothing: HostPolicy::absent() }
    }

    fn answer(&mut self, line: &[u8]) -> Result<Reply<'_>, String> {
        let asked: Asked = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let phase = match asked.phase.as_deref() {
            None => Phase::Session,
            Some(name) => Phase::named(name).ok_or_else(|| format!("unknown phase '{}'", name.escape_debug()))?,
        };
        if asked.account.is_none() && !(phase == Phase::Auth && Service::of_pam(&asked.service) == Some(Service::Sudo))
        {
            return Err("account may be null in phase auth of sudo alone".to_owned());
        }
        let at = match asked.at.as_deref() {
            None => None,
            Some(text) => {
                Some(Moment::parse(text).ok_or("at is no date-time with offset, such as 2026-11-23T10:00:00Z")?)
            }
        };
        let policy = self.on(asked.host.as_deref());
        let groups: Vec<&str> = asked.groups.iter().flatten().map(String::as_str).collect();
        let invoker_groups: Vec<&str> = asked.invoker_groups.iter().flatten().map(String::as_str).collect();
        let request = Request {
            phase,
            service: &asked.service,
            account: asked.account.as_deref(),
            uid: asked.uid,
            groups: Groups::Known(&groups),
            origin: Origin::parse(asked.from.as_deref().unwrap_or_default()),
            key: Key::parse(asked.key.as_deref().unwrap_or_default()),
            at: at.unwrap_or_else(|| Moment::from_unix(clock::now()).not_before(policy.applied())),
            invoker: asked.invoker.as_deref(),
            invoker_uid: asked.invoker_uid,
            invoker_groups: Groups::Known(&invoker_groups),
        };
        let decision = decide(policy, &request);
        let wants_line = asked.want_line == Some(true) && phase == Phase::Offer;
        let line = wants_line.then(|| match &decision {
            libtom::decision::Decision::Allow(allow) => keyline::line(allow),
            libtom::decision::Decision::Deny(_) | libtom::decision::Decision::NotGoverned(_) => None,
        });
        let Answer { verdict, reason, person, key_label, grant, machine } = decision.answer();
        Ok(Reply { verdict, reason, person, key_label, grant, machine, line })
    }

    fn on(&mut self, host: Option<&str>) -> &HostPolicy<'p> {
        let id = host.unwrap_or(&self.this_host.id);
        if let Some(here) = self.here.filter(|_| id.eq_ignore_ascii_case(&self.this_host.id)) {
            return here;
        }
        if !self.resolved.contains_key(id) {
            if self.resolved.len() >= MOST_HOSTS {
                self.resolved.clear();
            }
            let facts = HostFacts { id, console: self.this_host.console };
            self.resolved.insert(id.to_owned(), HostPolicy::resolve(self.policy, facts));
        }
        self.resolved.get(id).unwrap_or(&self.nothing)
    }
}
