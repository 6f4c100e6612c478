//! `tom-authorized-keys USER TYPE KEY`: sshd's AuthorizedKeysCommand.
//!
//! sshd runs it as `_tom` before anybody is authenticated, for whatever key a stranger offers. It reads
//! the active policy, asks the rules, and prints at most one line. What must never happen: a line
//! without an allow, a second line, a byte of the client's in the line, waiting for anything.
//!
//! Exit code 0 says that the question was answered, be it with no line; on any error nothing is
//! printed, and sshd takes no key from a command that fails (sshd_config(5), AuthorizedKeysCommand).

use libtom::decision::{Decision, Denial, Key, Phase, Request, decide, needs_groups};
use libtom::host_policy::HostPolicy;
use libtom::keyline;
use libtom::moment::Moment;
use libtom::public_key::{Fingerprint, PublicKey};
use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;
use tom_host::active_policy::{self, PolicyFault};
use tom_host::event::{Event, Field, Kind};
use tom_host::{clock, journal};

/// The PAM service that sshd is.
const SERVICE: &str = "sshd";

fn main() -> ExitCode {
    let Some(offer) = Offer::from_arguments() else {
        let usage = "tom-authorized-keys was called wrongly; sshd_config needs 'AuthorizedKeysCommand \
                     /usr/lib/tom/tom-authorized-keys %u %t %k'";
        journal::record(&Event::new(Kind::PolicyUnusable, usage));
        return ExitCode::from(2);
    };
    active_policy::with_policy(|policy, fault| match answer(policy, fault, &offer) {
        Ok(Some(line)) => print(&line),
        Ok(None) if fault.is_none() => ExitCode::SUCCESS,
        // Without a policy nobody can say that tom has no say in an account that sshd asks it about.
        Ok(None) => refuse(policy, fault, &offer, Denial::PolicyUnusable),
        Err(denial) => refuse(policy, fault, &offer, denial),
    })
}

/// What sshd asks.
struct Offer {
    account: String,
    blob: Option<Vec<u8>>,
}

impl Offer {
    fn from_arguments() -> Option<Self> {
        let mut arguments = std::env::args_os().skip(1).map(|argument| argument.into_string().ok());
        let (account, key_type, key) = (arguments.next()??, arguments.next()??, arguments.next()??);
        if arguments.next().is_some() {
            return None;
        }
        // Certificates and unknown types are no keys here, and nobody's.
        let blob = PublicKey::parse(&format!("{key_type} {key}")).ok().map(|key| key.blob().to_vec());
        Some(Self { account, blob })
    }
}

/// The line for an allowed offer; nothing where tom has no say.
fn answer(policy: &HostPolicy<'_>, fault: Option<&PolicyFault>, offer: &Offer) -> Result<Option<String>, Denial> {
    let request = Request {
        account: Some(&offer.account),
        key: offer.blob.as_deref().map_or(Key::Unreadable, |blob| Key::Blob(Cow::Borrowed(blob))),
        ..Request::new(Phase::Offer, SERVICE, Moment::from_unix(clock::now()).not_before(policy.applied()))
    };
    if needs_groups(policy, &request) {
        // No grant names the account, so it gets no key here whatever its groups are: they are not asked for.
        // Where not even the fallback can be read, a grant may have named it: that is told.
        return if fault.is_some() { Err(Denial::PolicyUnusable) } else { Ok(None) };
    }
    match decide(policy, &request) {
        Decision::Allow(allow) => Ok(keyline::line(&allow)),
        Decision::NotGoverned(_) => Ok(None),
        Decision::Deny(denial) => Err(denial),
    }
}

fn print(line: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A refused offer is logged for debugging only, since strangers make them at will. A policy that
/// cannot be used is an error, and told as one.
fn refuse(policy: &HostPolicy<'_>, fault: Option<&PolicyFault>, offer: &Offer, denial: Denial) -> ExitCode {
    let kind = if fault.is_some() { Kind::PolicyUnusable } else { Kind::OfferRefused };
    let fault_text = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
    let message = format!("a key offered for {} was refused: {}{fault_text}", offer.account, denial.name());
    let fingerprint = offer.blob.as_deref().map(|blob| Fingerprint::of(blob).to_string());
    let event = Event::new(kind, &message)
        .with(Field::Verdict, "deny")
        .with(Field::Reason, denial.name())
        .with(Field::Account, &offer.account)
        .with(Field::Service, SERVICE)
        .with(Field::Host, policy.host())
        .with(Field::PolicySerial, &policy.serial().to_string())
        .with_known(Field::KeyFingerprint, fingerprint.as_deref());
    journal::record(&event);
    if fault.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
