//! What each fuzz target does with its bytes, and what must hold then, beyond the absence of panics.

use libtom::decision::{self, Decision, Groups, Key, Origin, Phase, Request, decide, explain};
use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy, stored};
use libtom::keyline;
use libtom::moment::Moment;
use libtom::policy::{self, Policy};
use libtom::public_key::{KeyType, PublicKey, encode_blob};
use libtom::ssh_signature::SshSignature;

/// A morning on which the seeds are in force: 2026-11-23 10:40 UTC.
const NOW: Moment = Moment::from_unix(1_795_430_400);

/// A text is a policy, or a list of problems with their places. A policy decides on disk as in memory, and what
/// it lets sshd read is one line.
pub fn policy_text(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let policy = match policy::parse(text) {
        Ok(policy) => policy,
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            for problem in problems {
                assert!((1..=lines).contains(&problem.position.line) && problem.position.column >= 1, "{problem}");
                assert!(!problem.message.is_empty() && !problem.advice.is_empty(), "{problem:?}");
                assert!(is_one_line(&problem.message) && is_one_line(&problem.advice), "{problem:?}");
            }
            return;
        }
    };
    assert_eq!(policy::parse(text).as_ref(), Ok(&policy));
    for warning in policy::warnings(&policy, NOW) {
        assert!(is_one_line(&format!("{warning:?}")));
    }
    for host in ["web1.example.net", "root7.example.net"] {
        decides_alike_on_disk(&policy, host, text);
    }
}

fn decides_alike_on_disk(policy: &Policy, host: &str, text: &str) {
    let resolved = HostPolicy::resolve(policy, HostFacts { id: host, console: ConsoleRule::Token });
    let digest = stored::digest(text.as_bytes());
    let file = stored::encode(&resolved, &digest, NOW);
    let (read, read_digest) = stored::decode(&file).expect("what was written is read");
    assert_eq!(read_digest, digest);
    assert_eq!(stored::encode(&read, &digest, NOW), file, "written again, it is the same file");
    let fallback = stored::encode_fallback(&resolved, &digest, NOW);
    let fallback = stored::decode(&fallback).expect("what was written is read").0.unsound();

    let person_accounts = policy.persons.iter().map(|person| person.id.as_str());
    let accounts: Vec<&str> = ["root", "mallory"].into_iter().chain(person_accounts).take(4).collect();
    let keys = policy.keys.iter().map(|key| &key.public);
    let machines = policy.machines.iter().filter_map(|machine| match &machine.access {
        policy::MachineAccess::Login { public, .. } => Some(public),
        policy::MachineAccess::Sudo { .. } => None,
    });
    let keys: Vec<Key<'_>> =
        keys.take(3).chain(machines.take(3)).map(|key| Key::Blob(key.blob().into())).chain([Key::Missing]).collect();
    for phase in Phase::ALL {
        for account in &accounts {
            for key in &keys {
                for (service, origin) in [("sshd", Origin::parse("203.0.113.5")), ("sudo", Origin::Local)] {
                    let request = Request {
                        account: Some(account),
                        uid: Some(if *account == "root" { 0 } else { 1000 }),
                        groups: Groups::Known(&["adm-web"]),
                        origin,
                        key: key.clone(),
                        invoker: Some("anna"),
                        invoker_uid: Some(1001),
                        invoker_groups: Groups::Known(&[]),
                        ..Request::new(phase, service, NOW)
                    };
                    let (in_memory, on_disk) = (decide(&resolved, &request), decide(&read, &request));
                    assert_eq!(in_memory.answer(), on_disk.answer(), "{request:?}");
                    assert_eq!(line_of(&in_memory), line_of(&on_disk), "{request:?}");
                    assert_eq!(explain(&read, &request).decision.answer(), on_disk.answer(), "{request:?}");
                    // What is left when the policy is damaged opens nothing that the policy does not.
                    if matches!(decide(&fallback, &request), Decision::Allow(_)) {
                        assert!(matches!(on_disk, Decision::Allow(_)), "{request:?}");
                    }
                }
            }
        }
    }
}

/// The line that sshd gets for a decision, if any: it is one line, and says nothing but what is meant.
fn line_of(decision: &Decision<'_>) -> Option<String> {
    let Decision::Allow(allow) = decision else { return None };
    let line = keyline::line(allow)?;
    let obligations = allow.obligations().expect("a line comes from an offer");
    assert!(is_one_line(&line), "{line:?}");
    let (options, rest) = as_sshd_reads(&line);
    let mut words = rest.splitn(3, ' ');
    assert_eq!(words.next(), Some(obligations.key.key_type.name()), "{line}");
    assert_eq!(words.next(), Some(encode_blob(obligations.key.blob).as_str()), "{line}");
    assert!(words.next().is_some_and(|comment| comment.starts_with("tom:")), "{line}");

    let value = |name: &str| options.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!(value("command"), obligations.forced_command, "{line}");
    assert_eq!(value("restrict").is_some(), obligations.forced_command.is_some(), "{line}");
    assert_eq!(value("verify-required").is_some(), obligations.key.key_type.is_fido(), "{line}");
    assert_eq!(value("expiry-time").is_some(), obligations.ends.is_some(), "{line}");
    assert!(value("from").is_some_and(|from| !from.is_empty()), "{line}");
    for (at, (name, _)) in options.iter().enumerate() {
        assert!(["restrict", "command", "verify-required", "from", "expiry-time"].contains(&name.as_str()), "{line}");
        assert!(options.iter().skip(at + 1).all(|(other, _)| other != name), "an option stands twice: {line}");
    }
    Some(line)
}

/// The options of an authorized_keys line and what follows them, read as sshd reads them: a quote opens and
/// closes a value, `\"` is a quote in it, and every other backslash is itself.
fn as_sshd_reads(line: &str) -> (Vec<(String, String)>, &str) {
    let (mut options, mut name, mut value) = (Vec::new(), String::new(), String::new());
    let mut quoted = false;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                characters.next();
                value.push('"');
            }
            '"' => quoted = !quoted,
            _ if quoted => value.push(character),
            ',' => options.push((std::mem::take(&mut name), std::mem::take(&mut value))),
            ' ' => {
                options.push((name, value));
                return (options, &line[at + 1..]);
            }
            '=' => {}
            _ => name.push(character),
        }
    }
    panic!("no end of the options: {line}");
}

/// The first line is a key: it is refused, or printed and read again it is the same. Where it is allowed in,
/// with the second line as a forced command and the third as the key's label, sshd reads what was meant.
pub fn key_line(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (first, command, label) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let key = match PublicKey::parse(first) {
        Ok(key) => key,
        Err(error) => {
            assert!(is_one_line(&error.to_string()), "{error:?}");
            assert_eq!(Key::parse(first), if first.is_empty() { Key::Missing } else { Key::Unreadable });
            return;
        }
    };
    let printed = format!("{} {}", key.key_type().name(), encode_blob(key.blob()));
    assert_eq!(PublicKey::parse(&printed).as_ref(), Ok(&key));
    assert_eq!(PublicKey::parse(&format!("\t{printed}  a comment\r")).as_ref(), Ok(&key));
    assert_eq!(PublicKey::from_blob(key.blob()).as_ref(), Ok(&key));
    assert_eq!(Key::parse(first), Key::Blob(key.blob().into()));

    let is_fido = key.key_type().is_fido();
    let proof = if is_fido { "fido" } else { "none" };
    let by_person = format!(
        "[[key]]\nperson = \"carl\"\nlabel = {}\npublic = {}\nproof = \"{proof}\"\n\
         [[grant]]\nid = \"g\"\npersons = [\"carl\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\n\
         services = [\"sshd\"]\nfrom = [\"office\"]\n",
        toml_string(label),
        toml_string(first),
    );
    let by_machine = format!(
        "[[machine]]\nid = \"m\"\nowner = \"anna\"\npublic = {}\naccounts = [\"root\"]\nhosts = [\"*\"]\n\
         from = [\"office\"]\ncommand = {}\nreason = \"r\"\nuntil = 2027-12-31\n",
        toml_string(first),
        toml_string(command),
    );
    for rest in [by_person, by_machine] {
        let Ok(policy) = policy::parse(&format!("{COMPANY}{rest}")) else { continue };
        let resolved = HostPolicy::resolve(&policy, HostFacts { id: "web1.example.net", console: ConsoleRule::Token });
        let request = Request {
            account: Some("root"),
            uid: Some(0),
            groups: Groups::Known(&[]),
            key: Key::parse(first),
            ..Request::new(Phase::Offer, "sshd", NOW)
        };
        let decision = decide(&resolved, &request);
        assert!(matches!(decision, Decision::Allow(_)), "what the policy grants is granted: {decision:?}");
        let line = line_of(&decision).expect("an allowed offer has its line");
        assert!(line.contains(&printed), "{line}");
        let other = Request { key: decision::Key::Blob(OTHER_KEY.into()), ..request };
        assert!(matches!(decide(&resolved, &other), Decision::Deny(_)));
    }
}

const OTHER_KEY: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20 a key that nobody has in a seed";

const COMPANY: &str = r#"
schema = 1
serial = 1
operator = "Example Hosting GmbH"
expires = 2027-12-31T00:00:00Z
token = { assurance = "declared" }
networks = { office = ["203.0.113.0/28"] }
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"
[[person]]
id = "carl"
name = "Carl Kunde"
role = "administrator of the customer"
party = "customer:acme"
[[host]]
match = ["*"]
class = "root-host"
customers = ["acme"]
commissioned = 2024-03-01
"#;

/// A basic string of TOML that holds exactly this text.
fn toml_string(text: &str) -> String {
    let inner: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) })
        .collect();
    format!("\"{inner}\"")
}

/// Nothing in it that a terminal or a log would obey: no control character, no change of direction.
fn is_one_line(text: &str) -> bool {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !text.chars().any(obeyed)
}

/// A signature, in its armour or without: it is refused, or it is one of the seeds, made by the keys below over
/// this message, or one by another key.
pub fn ssh_signature(data: &[u8]) {
    let read = if data.starts_with(b"-") { SshSignature::parse(data) } else { SshSignature::from_blob(data) };
    let signature = match read {
        Ok(signature) => signature,
        Err(error) => {
            assert!(is_one_line(&error.to_string()), "{error:?}");
            return;
        }
    };
    assert!(signature.verify(b"another message", "file").is_err() || !is_a_seeds_key(&signature));
    assert!(signature.verify(b"Test\n", "").is_err());
    let Ok(verified) = signature.verify(b"Test\n", "file") else { return };
    assert_eq!(verified.public_key(), signature.claimed_key());
    assert_eq!(verified.namespace(), "file");
    let fido = matches!(verified.public_key().key_type(), KeyType::SkEd25519 | KeyType::SkEcdsaP256);
    assert_eq!(verified.token().is_some(), fido);
    if is_a_seeds_key(&signature) {
        // ECDSA's twin with the other s would be one too; it is a number that no mutation comes to.
        assert!(seeds().any(|seed| seed == signature), "a signature that its key never made: {signature:?}");
    }
}

fn is_a_seeds_key(signature: &SshSignature) -> bool {
    seeds().any(|seed| seed.claimed_key() == signature.claimed_key())
}

/// The signatures that were made over `Test\n`, with keys whose private halves were thrown away or stand in the
/// tests alone.
fn seeds() -> impl Iterator<Item = SshSignature> {
    let files: [&[u8]; 6] = [
        include_bytes!("../corpus/ssh_signature/ed25519.sig"),
        include_bytes!("../corpus/ssh_signature/ed25519_sha256.sig"),
        include_bytes!("../corpus/ssh_signature/ecdsa_p256.sig"),
        include_bytes!("../corpus/ssh_signature/ecdsa_p384.sig"),
        include_bytes!("../corpus/ssh_signature/sk_ed25519.sig"),
        include_bytes!("../corpus/ssh_signature/sk_ecdsa_p256.sig"),
    ];
    files.into_iter().map(|file| SshSignature::parse(file).expect("a seed is sound"))
}
