//! A policy written by somebody who wants the administrator's terminal, or his time, or a key that is not what it
//! seems to be. No host is needed: `tom policy check` is run on this machine.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use tom_tests::{Key, built_program};

const HEAD: &str = "schema = 1\nserial = 1\noperator = \"x\"\n";
const PERSON: &str = "[[person]]\nid = \"anna\"\nname = \"Anna\"\nrole = \"r\"\nparty = \"operator\"\n";
const GRANT: &str = "[[grant]]\nid = \"g\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\n\
                     services = [\"sshd\"]\nfrom = [\"office\"]\n";

struct Checked {
    status: Option<i32>,
    said: String,
    duration: Duration,
}

fn check(name: &str, text: &[u8]) -> Checked {
    let path = std::env::temp_dir().join(format!("tom-attack-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).expect("written");
    let started = Instant::now();
    let output =
        Command::new(built_program("/usr/bin/tom")).args(["policy", "check"]).arg(&path).output().expect("tom");
    let duration = started.elapsed();
    std::fs::remove_file(&path).expect("removed");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text").replace(&*path.to_string_lossy(), "POLICY");
    Checked { status: output.status.code(), said, duration }
}

/// Text that does things to a terminal, or looks like other text.
const HOSTILE: [(&str, &str); 10] = [
    ("ESC", "\u{1b}[2J\u{1b}]0;x\u{7}"),
    ("BEL", "\u{7}"),
    ("CSI of C1", "\u{9b}31m"),
    ("right to left", "\u{202e}toor"),
    ("isolate", "\u{2066}x\u{2069}"),
    ("newline", "x\nPOLICY: sound"),
    ("carriage return", "x\rPOLICY: sound"),
    ("DEL", "\u{7f}"),
    ("zero width", "ro\u{200b}ot"),
    ("line separator", "x\u{2028}y\u{2029}z\u{85}"),
];

fn is_raw(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

fn quoted(text: &str) -> String {
    text.chars().fold(String::new(), |mut quoted, character| {
        let _ = write!(quoted, "\\U{:08x}", u32::from(character));
        quoted
    })
}

/// Wherever a policy holds text.
fn places(text: &str) -> Vec<(&'static str, String)> {
    let expect = |line: &str| {
        let rest = ["account = \"root\"", "service = \"sshd\"", "verdict = \"allow\""];
        let key = line.split(' ').next().expect("a key");
        let rest: Vec<&str> = rest.into_iter().filter(|other| !other.starts_with(key)).collect();
        format!("{HEAD}[networks]\noffice = [\"203.0.113.0/28\"]\n{PERSON}[[expect]]\n{line}\n{}\n", rest.join("\n"))
    };
    let mut places = Vec::new();
    for key in [
        "account", "service", "verdict", "host", "person", "machine", "key", "from", "phase", "invoker", "reason", "at",
    ] {
        places.push((key, expect(&format!("{key} = \"{text}\""))));
    }
    places.push(("groups", expect(&format!("groups = [\"{text}\"]"))));
    places.push(("invoker-groups", expect(&format!("invoker-groups = [\"{text}\"]"))));
    let others = [
        ("operator", HEAD.replace("\"x\"", &format!("\"{text}\""))),
        ("unknown key", format!("{HEAD}\"{text}\" = 1\n")),
        ("unknown table", format!("{HEAD}[\"{text}\"]\n")),
        ("network", format!("{HEAD}[networks]\n\"{text}\" = [\"{text}\"]\n")),
        ("address", format!("{HEAD}[networks]\no = [\"{text}\"]\n")),
        ("person", format!("{HEAD}{}", PERSON.replace("\"anna\"", &format!("\"{text}\"")))),
        ("name", format!("{HEAD}{}", PERSON.replace("\"Anna\"", &format!("\"{text}\"")))),
        ("party", format!("{HEAD}{}", PERSON.replace("\"operator\"", &format!("\"customer:{text}\"")))),
        (
            "key",
            format!(
                "{HEAD}{PERSON}[[key]]\nperson = \"{text}\"\nlabel = \"{text}\"\npublic = \"{text}\"\nproof = \"{text}\"\n"
            ),
        ),
        (
            "evidence",
            format!(
                "{HEAD}{PERSON}[[key]]\nperson = \"anna\"\nlabel = \"a\"\npublic = \"{}\"\nproof = \"fido\"\nevidence = {{ attestation = \"{text}\", challenge = \"{text}\" }}\n",
                Key::token("a").public()
            ),
        ),
        (
            "grant",
            format!(
                "{HEAD}{}",
                GRANT
                    .replace("[\"office\"]", &format!("[\"{text}\"]"))
                    .replace("\"root\"", &format!("\"{text}\""))
                    .replace("\"*\"", &format!("\"{text}\""))
            ),
        ),
        ("admin", format!("{HEAD}[admin]\ngroups = [\"{text}\"]\nexempt-services = [\"{text}\"]\n")),
        (
            "machine",
            format!(
                "{HEAD}{PERSON}[[machine]]\nid = \"m\"\nowner = \"anna\"\npublic = \"{}\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"o\"]\ncommand = \"/x {text}\"\nreason = \"{text}\"\n",
                Key::file("m").public()
            ),
        ),
        ("host", format!("{HEAD}[[host]]\nmatch = [\"{text}\"]\nclass = \"{text}\"\ncustomers = [\"{text}\"]\n")),
    ];
    places.extend(others);
    places
}

#[test]
fn no_text_reaches_the_terminal_as_it_is() {
    for (kind, text) in HOSTILE {
        // Escaped as TOML has it, and raw where TOML takes it (or says that it does not).
        for (form, text) in [("escaped", quoted(text)), ("raw", text.to_owned())] {
            for (place, policy) in places(&text) {
                let checked = check("text", policy.as_bytes());
                let what = format!("{kind}, {form}, in {place}");
                assert!(!checked.said.chars().any(is_raw), "{what}: {:?}", checked.said);
                for line in checked.said.lines() {
                    let is_ours = ["POLICY:", "tom: "].iter().any(|start| line.starts_with(start))
                        || line.trim_start_matches(|digit: char| digit.is_ascii_digit()).starts_with(" problem");
                    assert!(is_ours, "{what}: a line of its own: {:?}", checked.said);
                }
                assert!(!checked.said.contains("\nPOLICY: sound\n"), "{what}: {:?}", checked.said);
                assert!(
                    [Some(0), Some(1), Some(4)].contains(&checked.status),
                    "{what}: {:?} {:?}",
                    checked.status,
                    checked.said
                );
            }
        }
    }
}

/// Bytes that are no text.
#[test]
fn bytes_that_are_no_text_are_told_by_their_place() {
    for bytes in [&b"\xff\xfe"[..], b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\0"] {
        let checked = check("bytes", &[HEAD.as_bytes(), b"x = \"", bytes, b"\"\n"].concat());
        assert_eq!(checked.status, Some(4), "{:?}", checked.said);
        assert!(checked.said.starts_with("POLICY:4:") && !checked.said.chars().any(is_raw), "{:?}", checked.said);
    }
}

/// Two hundred thousand faults, each told with its column, in seconds.
#[test]
fn many_faults_on_one_line() {
    let many = |entry: &dyn Fn(usize) -> String| (0..200_000).map(entry).collect::<Vec<_>>().join(",");
    let cases = [
        ("networks", format!("{HEAD}networks = {{ o = [{}] }}\n", many(&|_| "\"x\"".to_owned()))),
        ("wide text", format!("{HEAD}networks = {{ o = [{}] }}\n", many(&|_| "\"é\u{1f600}\"".to_owned()))),
        ("wrong type", format!("{HEAD}networks = {{ o = [{}] }}\n", many(&|_| "1".to_owned()))),
        ("expect", format!("{HEAD}expect = [{}]\n", many(&|_| "{}".to_owned()))),
        ("person", format!("{HEAD}person = [{}]\n", many(&|_| "7".to_owned()))),
        ("unknown keys", format!("{HEAD}token = {{ {} }}\n", many(&|number| format!("k{number}=1")))),
        ("names", format!("{HEAD}networks = {{ {} }}\n", many(&|number| format!("N{number}=[]")))),
        (
            "same id",
            format!(
                "{HEAD}person = [{}]\n",
                many(&|_| "{id=\"a\",name=\"a\",role=\"a\",party=\"customer:x\"}".to_owned())
            ),
        ),
        ("host bits", format!("{HEAD}networks = {{ o = [{}] }}\n", many(&|_| "\"10.0.0.1/8\"".to_owned()))),
        ("accounts", format!("{HEAD}grant = [{{ accounts = [{}] }}]\n", many(&|_| "\"*\"".to_owned()))),
        ("persons", format!("{HEAD}grant = [{{ persons = [{}] }}]\n", many(&|number| format!("\"p{number}\"")))),
        ("groups", format!("{HEAD}admin = {{ groups = [{}] }}\n", many(&|number| format!("\"g{number}\"")))),
    ];
    for (what, text) in cases {
        let checked = check("many", text.as_bytes());
        println!("{what}: {:?}, {} bytes", checked.duration, checked.said.len());
        assert!(checked.duration < Duration::from_secs(8), "{what}: {:?}", checked.duration);
        assert!([Some(0), Some(4)].contains(&checked.status), "{what}: {:?}", checked.status);
    }
    for deep in ["[".repeat(300_000), "{a=".repeat(300_000), "a.".repeat(100_000)] {
        let checked = check("deep", format!("{HEAD}grant = {deep}\n").as_bytes());
        assert_eq!(checked.status, Some(4), "{:.300}", checked.said);
        let checked = check("deep", format!("{HEAD}{deep}x = 1\n").as_bytes());
        assert_eq!(checked.status, Some(4), "{:.300}", checked.said);
    }
}

fn wire(fields: &[&[u8]]) -> String {
    let mut blob = Vec::new();
    for field in fields {
        blob.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
        blob.extend_from_slice(field);
    }
    let key_type = String::from_utf8_lossy(fields[0]).into_owned();
    format!("{key_type} {}", Base64::encode_string(&blob))
}

fn key(public: &str, proof: &str, label: &str) -> String {
    format!(
        "{HEAD}{PERSON}[[key]]\nperson = \"anna\"\nlabel = \"{label}\"\npublic = \"{public}\"\nproof = \"{proof}\"\n"
    )
}

fn machine(command: &str) -> String {
    let public = Key::file("m").public().to_owned();
    format!(
        "{HEAD}[networks]\no = [\"10.0.0.1\"]\n{PERSON}[[machine]]\nid = \"m\"\nowner = \"anna\"\npublic = \"{public}\"\n\
         accounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"o\"]\nreason = \"r\"\ncommand = \"{command}\"\n"
    )
}

#[track_caller]
fn assert_refused(what: &str, text: &str, place: &str) {
    let checked = check("refused", text.as_bytes());
    assert_eq!(checked.status, Some(4), "TAKEN: {what}: {}", checked.said);
    assert!(checked.said.contains(place), "{what}: no {place:?} in {}", checked.said);
}

/// Two forms of one key: the one is revoked, and sshd takes the other.
#[test]
fn a_key_has_one_form() {
    let modulus = [&[0][..], &[0xc3; 256]].concat();
    let padded = [&[0, 0][..], &modulus].concat();
    check_taken(&key(&wire(&[b"ssh-rsa", &[1, 0, 1], &modulus]), "piv", "a"));
    let place = "POLICY:12:";
    for (what, fields) in [
        ("a padded modulus", [&b"ssh-rsa"[..], &[1, 0, 1], &padded]),
        ("a padded exponent", [b"ssh-rsa", &[0, 1, 0, 1], &modulus]),
        ("a negative modulus", [b"ssh-rsa", &[1, 0, 1], &modulus[1..]]),
        ("a negative exponent", [b"ssh-rsa", &[0x81, 0, 1], &modulus]),
        ("no exponent", [b"ssh-rsa", &[], &modulus]),
        ("no modulus", [b"ssh-rsa", &[1, 0, 1], &[]]),
    ] {
        assert_refused(what, &key(&wire(&fields), "piv", "a"), place);
    }
    // A point in another form than sshd's.
    let mut point = vec![2];
    point.extend_from_slice(&[7; 32]);
    assert_refused(
        "a compressed point",
        &key(&wire(&[b"ecdsa-sha2-nistp256", b"nistp256", &point]), "piv", "a"),
        place,
    );
    let good = Key::token("a");
    let (key_type, blob) = good.words();
    let bytes = Base64::decode_vec(blob).expect("base64");
    let more = Base64::encode_string(&[&bytes[..], &[0]].concat());
    assert_refused("more after the key", &key(&format!("{key_type} {more}"), "fido", "a"), place);
    assert_refused(
        "base64 without padding",
        &key(&format!("{key_type} {}", blob.trim_end_matches('=')), "fido", "a"),
        if blob.ends_with('=') { place } else { return },
    );
}

#[track_caller]
fn check_taken(text: &str) {
    let checked = check("taken", text.as_bytes());
    assert!(matches!(checked.status, Some(0 | 1)), "{}", checked.said);
}

/// An application that is not ssh's: a web site's key, which the site can have signed with.
#[test]
fn a_token_key_is_made_for_ssh() {
    let token = |application: &[u8]| wire(&[b"sk-ssh-ed25519@openssh.com", &[9; 32], application]);
    check_taken(&key(&token(b"ssh:"), "fido", "a"));
    check_taken(&key(&token(b"ssh:tom"), "fido", "a"));
    for application in [&b"https://example.net"[..], b"", b"ssh", b"SSH:", b" ssh:", b"xssh:", b"sshx:", b"\0ssh:"] {
        assert_refused(&format!("{application:?}"), &key(&token(application), "fido", "a"), "POLICY:12:");
    }
}

#[test]
fn a_forced_command_is_no_shell_by_another_name() {
    check_taken(&machine("/usr/bin/rrsync -ro /"));
    for command in [
        "/bin/b*sh",
        "/bin/sh/",
        "/bin/sh//",
        "/bin/s?",
        "/bin/[s]h",
        "/bin/s\\\\h",
        "/bin/'sh'",
        "/bin/{sh,x}",
        "/bin/[r-t]h",
        "/bin/s'h'",
        "/bin/ba\\\"s\\\"h",
        "/bin/ba${X}sh",
        "/bin/sh/.",
        "/bin/sh/../sh",
        "/bin//sh",
        "/bin/sh;",
        "/bin/true;/bin/sh",
        "/bin/true; sh",
        "/bin/true|sh",
        "/bin/true&sh",
        "/bin/true $(sh)",
        "/bin/true `sh`",
        "/bin/true\\nsh",
        "/bin/true\\tsh",
        "~root/bin/sh",
        "/bin/sh -c x",
        "/usr/bin/env x",
        "/bin/x bash",
        "sh",
        "",
        " ",
        "/bin/BASH/../bash",
        "/bin/true &&bash",
        "/bin/true (bash)",
        "/bin/true <x >y bash",
        "/bin/x=bash bash",
    ] {
        let checked = check("command", machine(command).as_bytes());
        assert_eq!(checked.status, Some(4), "TAKEN: command = {command:?}: {}", checked.said);
        assert!(checked.said.contains("POLICY:19:"), "{command:?}: {}", checked.said);
    }
}

#[test]
fn names_that_look_like_others_are_refused() {
    check_taken(&key(Key::token("a").public(), "fido", "blue key"));
    for label in [
        "blue\u{a0}",
        "blue\u{a0}key",
        "blue ",
        " blue",
        "blue\\t",
        "\u{3000}",
        "bl\u{200b}ue",
        "blue\u{2028}",
        " ",
        "",
        "a,b",
        "a\\\"b",
    ] {
        assert_refused(&format!("label {label:?}"), &key(Key::token("a").public(), "fido", label), "POLICY:11:");
    }
    let grant = |accounts: &str| {
        let networks = "[networks]\noffice = [\"10.0.0.1\"]\n";
        format!("{HEAD}{networks}{PERSON}{}", GRANT.replace("[\"root\"]", accounts))
    };
    check_taken(&grant("[\"root\"]"));
    for accounts in [
        "[\"*\"]",
        "[\"ro*\"]",
        "[\"root\", \"*\"]",
        "[\"ro?t\"]",
        "[\"root \"]",
        "[\"root\u{a0}\"]",
        "[\"\"]",
        "[\"-root\"]",
        "[\"{persons}\"]",
        "[\"x{person}\"]",
        "[\"a/b\"]",
        "[\"root\\n\"]",
        "[\"root\\naccount x\"]",
        "[\"root\\r\"]",
    ] {
        assert_refused(accounts, &grant(accounts), "POLICY:14:");
    }
    for admin in [
        "groups = [\"a b\"]",
        "groups = [\"*\"]",
        "groups = [\"a\\nb\"]",
        "exempt-services = [\"*\"]",
        "exempt-services = [\"su-l\"]",
        "exempt-services = [\"sudo-i\"]",
        "exempt-services = [\"../su\"]",
        "exempt-services = [\"su \"]",
    ] {
        assert_refused(admin, &format!("{HEAD}[admin]\n{admin}\n"), "POLICY:5:");
    }
}
