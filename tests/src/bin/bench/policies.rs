//! Policies of any size, and questions to them.

use std::fmt::Write as _;
use tom_tests::Key;

/// The host that all is asked about.
pub(crate) const HOST: &str = "web1.example.net";
/// An address that each of these policies allows, and one that none does.
pub(crate) const INSIDE: &str = "203.0.113.5";
pub(crate) const OUTSIDE: &str = "198.51.100.99";

fn head(assurance: &str) -> String {
    format!("schema = 1\nserial = 1\noperator = \"Example Hosting GmbH\"\n[token]\nassurance = \"{assurance}\"\n")
}

/// A policy, and the keys that it lets in as root.
pub(crate) struct Sized {
    pub(crate) text: String,
    pub(crate) keys: Vec<Key>,
}

/// So many persons with three tokens each (two Ed25519, one P-256), in grants of ten, all for this host.
pub(crate) fn of_persons(count: usize) -> Sized {
    persons(count, "declared", |_, _, _| None)
}

/// The same with evidence: `evidence` is told the person, the number of the key and the key, and names the
/// files, as TOML.
pub(crate) fn persons(
    count: usize,
    assurance: &str,
    mut evidence: impl FnMut(&str, usize, &Key) -> Option<String>,
) -> Sized {
    let mut text = head(assurance) + "[networks]\noffice = [\"203.0.113.0/28\", \"2001:db8:10::/48\"]\n";
    let mut keys = Vec::new();
    let ids: Vec<String> = (0..count).map(|number| format!("person-{number}")).collect();
    for id in &ids {
        let own =
            [Key::token(&format!("{id}-a")), Key::token(&format!("{id}-b")), Key::ecdsa_token(&format!("{id}-c"))];
        person(&mut text, id, &own, |number, key| evidence(id, number, key));
        keys.extend(own);
    }
    for (number, persons) in ids.chunks(10).enumerate() {
        grant(&mut text, &format!("grant-{number}"), persons, "office");
    }
    Sized { text, keys }
}

/// How the policy calls a person's token of that number.
pub(crate) fn label(number: usize) -> String {
    format!("key-{number}")
}

/// One person, let in from so many networks by one grant.
pub(crate) fn of_networks(count: usize) -> Sized {
    let networks: Vec<String> = (0..count).map(|number| format!("\"{}\"", network(number, count))).collect();
    let mut text = format!("{}[networks]\nmany = [{}]\n", head("declared"), networks.join(", "));
    let key = Key::token("person-0-a");
    person(&mut text, "person-0", std::slice::from_ref(&key), |_, _| None);
    grant(&mut text, "grant-0", &["person-0".to_owned()], "many");
    Sized { text, keys: vec![key] }
}

/// One person, let in by one grant from so many networks, each with a name of its own.
pub(crate) fn of_names(count: usize) -> Sized {
    let mut text = head("declared");
    let names: Vec<String> = (0..count).map(|number| format!("net-{number}")).collect();
    text.push_str("[networks]\n");
    for (number, name) in names.iter().enumerate() {
        let _ = writeln!(text, "{name} = [\"{}\"]", network(number, count));
    }
    let key = Key::token("person-0-a");
    person(&mut text, "person-0", std::slice::from_ref(&key), |_, _| None);
    grant(&mut text, "grant-0", &["person-0".to_owned()], &names.join("\", \""));
    Sized { text, keys: vec![key] }
}

/// One person, let in from one network by each of so many grants.
pub(crate) fn of_grants(count: usize) -> Sized {
    let mut text = head("declared") + "[networks]\n";
    for number in 0..count {
        let _ = writeln!(text, "net-{number} = [\"{}\"]", network(number, count));
    }
    let key = Key::token("person-0-a");
    person(&mut text, "person-0", std::slice::from_ref(&key), |_, _| None);
    for number in 0..count {
        grant(&mut text, &format!("grant-{number}"), &["person-0".to_owned()], &format!("net-{number}"));
    }
    Sized { text, keys: vec![key] }
}

/// The same networks as rules of pam_access.
pub(crate) fn access_rules(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(text, "+:root:{}", network(number, count));
    }
    text + "-:ALL:ALL\n"
}

/// One of so many networks: none touches another, so that none are merged. That of [`INSIDE`] stands in the
/// middle.
fn network(number: usize, count: usize) -> String {
    if number == count / 2 {
        return "203.0.113.0/28".to_owned();
    }
    format!("10.{}.{}.{}/28", number / 2048, number / 8 % 256, number % 8 * 32)
}

fn person(text: &mut String, id: &str, keys: &[Key], mut evidence: impl FnMut(usize, &Key) -> Option<String>) {
    let _ =
        write!(text, "[[person]]\nid = \"{id}\"\nname = \"Name\"\nrole = \"administrator\"\nparty = \"operator\"\n");
    for (number, key) in keys.iter().enumerate() {
        let (label, public) = (label(number), key.public());
        let _ =
            write!(text, "[[key]]\nperson = \"{id}\"\nlabel = \"{label}\"\npublic = \"{public}\"\nproof = \"fido\"\n");
        if let Some(evidence) = evidence(number, key) {
            let _ = writeln!(text, "evidence = {evidence}");
        }
    }
}

fn grant(text: &mut String, id: &str, persons: &[String], from: &str) {
    let persons: Vec<String> = persons.iter().map(|person| format!("\"{person}\"")).collect();
    let _ = write!(
        text,
        "[[grant]]\nid = \"{id}\"\npersons = [{}]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"sshd\"]\n\
         from = [\"{from}\"]\n",
        persons.join(", ")
    );
}

/// So many requests of `tom decide`, in the session phase: of ten, six are granted, three come from
/// elsewhere, and one has a key that is nobody's.
pub(crate) fn requests(policy: &Sized, count: usize) -> String {
    let stranger = Key::token("stranger");
    let mut text = String::new();
    for number in 0..count {
        let key = if number % 10 == 9 { &stranger } else { &policy.keys[number * 7 % policy.keys.len()] };
        let from = if number % 10 % 4 == 2 || number % 10 == 7 { OUTSIDE } else { INSIDE };
        let _ = writeln!(
            text,
            "{{\"phase\":\"session\",\"service\":\"sshd\",\"account\":\"root\",\"uid\":0,\"host\":\"{HOST}\",\
             \"from\":\"{from}\",\"key\":\"{}\"}}",
            key.public()
        );
    }
    text
}
