//! What `tom doctor` says of policies and modes, and how: the formats, the schema, and nothing that is secret.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use serde_json::{Value, json};
use tom_tests::company::{OFFICE, anna};
use tom_tests::examined::{self, Examined, observing, sound};
use tom_tests::{Host, Key, Release, on_each_release, run_on};

const SCHEMA: &str = include_str!("../../packaging/schema/tom.doctor.1.json");

/// What the schema uses of JSON Schema, and no more: an unknown word in it fails.
fn conforms(value: &Value, schema: &Value, whole: &Value, place: &str) {
    for (word, rule) in schema.as_object().expect("a schema") {
        match word.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" | "format" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).expect("a reference");
                conforms(value, &whole["$defs"][name], whole, place);
            }
            "const" => assert_eq!(value, rule, "{place}"),
            "enum" => assert!(rule.as_array().expect("a list").contains(value), "{place}: {value}"),
            "minimum" => assert!(value.as_i64() >= rule.as_i64(), "{place}: {value}"),
            "pattern" => {
                let id = value.as_str().expect("a text");
                let is_kebab = id.split('-').all(|part| {
                    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                });
                assert!(is_kebab, "{place}: {id}");
            }
            "type" => {
                let found = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let known =
                    rule.as_array().map_or_else(|| *rule == json!(found), |types| types.contains(&json!(found)));
                assert!(known, "{place} is {found}, not {rule}");
            }
            "required" => {
                for name in rule.as_array().expect("a list") {
                    assert!(value.get(name.as_str().expect("a name")).is_some(), "{place} lacks {name}");
                }
            }
            "properties" => {
                for (name, part) in value.as_object().expect("an object") {
                    conforms(part, &rule[name], whole, &format!("{place}.{name}"));
                }
            }
            "additionalProperties" => {
                for name in value.as_object().expect("an object").keys() {
                    assert!(schema["properties"].get(name).is_some(), "{place} has {name}");
                }
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    conforms(item, rule, whole, place);
                }
            }
            other => panic!("the schema uses {other}"),
        }
    }
}

fn check_schema(examined: &Examined) {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    conforms(&examined.document, &schema, &schema, "document");
}

fn with_policy(policy: &str) -> Examined {
    let host = sound(Release::Bookworm).policy(policy).start();
    let examined = Examined::of(&host);
    check_schema(&examined);
    examined
}

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// Makes a policy active by a clock that is this far off, past the checks of an enabled host: what they keep away is
/// what is looked for here.
fn force(host: &Host, policy: &str, offset: &str) {
    host.run(["mv", "/var/lib/tom/enabled", "/root/"]).expect_success();
    host.write_policy(policy);
    let command = host.command().env("LD_PRELOAD", FAKETIME).env("FAKETIME", offset);
    command.run(["tom", "apply", "--now", "--allow-lockout"]).expect_success();
    host.run(["mv", "/root/enabled", "/var/lib/tom/"]).expect_success();
}

/// The policy with an end.
fn ending(host: &Host, when: &str) -> String {
    let date = host.run(["date", "-u", "-d", when, "+%Y-%m-%dT%H:%M:%SZ"]).expect_success().stdout;
    format!("expires = {date}{}", examined::policy())
}

#[test]
fn policies_that_will_not_do_for_long() {
    run_on(Release::Bookworm, |_| {
        let sound = examined::policy();
        assert_eq!(with_policy(&sound.replace("\nbreak-glass = true", "")).ids(), ["break-glass-missing"]);
        let host = tom_tests::examined::sound(Release::Bookworm).start();
        force(&host, &ending(&host, "+10 days"), "+0");
        assert_eq!(Examined::of(&host).ids(), ["policy-expires-soon"]);
        let one = sound.replace("persons  = [\"anna\", \"bert\", \"cora\", \"dirk\"]", "persons  = [\"anna\"]");
        let one = one.replace("persons  = [\"bert\"]", "persons  = [\"anna\"]");
        force(&host, &one, "+0");
        assert_eq!(Examined::of(&host).ids(), ["one-person-gets-in"]);
        let sudo = sound.replace(
            "services = [\"sshd\"]\nfrom     = [\"office\", \"cio-home\"]",
            "services = [\"sshd\", \"sudo\"]\nfrom     = [\"office\", \"cio-home\"]",
        );
        let host = tom_tests::examined::sound(Release::Bookworm).policy(&sudo).start();
        host.write("/etc/sudoers.d/anna", 0o440, "anna ALL=(root) NOPASSWD: /usr/bin/id\n");
        assert_eq!(Examined::of(&host).ids(), ["sudo-nopasswd"]);
    });
}

#[test]
fn an_expired_policy_leaves_break_glass_alone() {
    run_on(Release::Bookworm, |_| {
        let host = sound(Release::Bookworm).start();
        force(&host, &ending(&host, "-1 day"), "-10d");
        // Anna has the break-glass key.
        assert_eq!(Examined::of(&host).ids(), ["policy-unusable", "one-person-gets-in"]);
    });
}

#[test]
fn a_clock_that_nobody_believes() {
    run_on(Release::Bookworm, |_| {
        let host = sound(Release::Bookworm).start();
        let output = host
            .command()
            .env("LD_PRELOAD", FAKETIME)
            .env("FAKETIME", "@1979-12-31 10:00:00")
            .run(["tom", "doctor", "--json"]);
        assert!(output.stdout.contains("\"id\": \"clock-implausible\""), "{}", output.stdout);
    });
}

/// A journal as journalctl prints it: two refusals alike, one other, one that somebody else than root made up.
const JOURNAL: &str = r#"#!/bin/sh
[ -e /tmp/journal-broken ] && { echo "no journal" >&2; exit 1; }
case "$*" in *_UID=0*) ;; *) echo "not limited to root's entries" >&2; exit 1 ;; esac
case "$*" in
*MESSAGE_ID=31880666e02ea1190aa71a0e99b8b5b7*)
    echo '{"TOM_ACCOUNT":"root","TOM_SERVICE":"sshd","TOM_FROM":"192.0.2.9","TOM_REASON":"key-unknown","MESSAGE_ID":"31880666e02ea1190aa71a0e99b8b5b7"}'
    echo '{"TOM_ACCOUNT":"root","TOM_SERVICE":"su","TOM_INVOKER":"acme","TOM_REASON":"no-grant","MESSAGE_ID":"31880666e02ea1190aa71a0e99b8b5b7"}'
    echo '{"TOM_ACCOUNT":"root","TOM_SERVICE":"sshd","TOM_FROM":"192.0.2.9","TOM_REASON":"key-unknown","MESSAGE_ID":"31880666e02ea1190aa71a0e99b8b5b7"}'
    ;;
*MESSAGE_ID=d3e78660ff1083549a40c5cab36e7ca9*)
    echo '{"MESSAGE_ID":"d3e78660ff1083549a40c5cab36e7ca9","MESSAGE":"the policy before is active again","__REALTIME_TIMESTAMP":"1764163200000000"}'
    ;;
esac
"#;

fn with_journal(host: &Host) {
    host.write("/usr/bin/journalctl", 0o755, JOURNAL);
}

on_each_release! {
    /// A host that only observes says so first, in every format, and what it would have refused.
    fn observing_cannot_be_mistaken(release) {
        let host = observing(release);
        with_journal(&host);
        let examined = Examined::of(&host);
        check_schema(&examined);
        assert_eq!((examined.ids(), examined.notes()), (vec!["observing"], vec!["change-undone"]), "{:#}", examined.document);
        assert_eq!((examined.status, &examined.document["mode"]), (Some(1), &json!("observe")));
        let first = &examined.document["would_refuse"][0];
        assert_eq!((&first["count"], &first["from"], &first["reason"]), (&json!(2), &json!("192.0.2.9"), &json!("key-unknown")));
        let text = host.run(["tom", "doctor"]);
        assert!(text.stdout.starts_with("web1.example.net: OBSERVING: nothing is refused"), "{}", text.stdout);
        assert!(text.stdout.contains("2      root     sshd  ?     192.0.2.9        key-unknown"), "{}", text.stdout);
        assert!(!text.stdout.contains("ENFORCING"), "{}", text.stdout);
        let nagios = host.run(["tom", "doctor", "--format", "nagios"]);
        assert!(nagios.stdout.starts_with("TOM WARNING: OBSERVING, nothing is refused;"), "{}", nagios.stdout);
        assert!(nagios.stdout.ends_with("enforcing=0\n") && nagios.status == Some(1), "{nagios:?}");
        // Without a journal nothing is known, which is not nothing.
        host.write("/tmp/journal-broken", 0o644, "");
        let examined = Examined::of(&host);
        check_schema(&examined);
        assert_eq!(examined.unknown(), ["events", "would-refuse"]);
        assert_eq!(examined.document["would_refuse"], Value::Null);
    }

    /// pam_tom is not asked: there is nothing to observe.
    fn observing_without_pam(release) {
        let host = observing(release);
        host.write("/etc/ssh/sshd_config.d/05-x.conf", 0o644, "UsePAM no\n");
        with_journal(&host);
        assert_eq!(Examined::of(&host).ids(), ["sshd-use-pam", "observing"]);
    }
}

#[test]
fn nagios_and_exit_codes() {
    run_on(Release::Bookworm, |release| {
        let host = sound(release).start();
        let nagios = || {
            let output = host.run(["tom", "doctor", "--format", "nagios"]);
            let word = output.stdout.split([' ', ':']).nth(1).unwrap_or_default().to_owned();
            (word, output.status, output.stdout.lines().count())
        };
        assert_eq!(nagios(), ("OK".to_owned(), Some(0), 1));
        host.run(["rm", "/usr/bin/timedatectl"]).expect_success();
        assert_eq!(nagios(), ("UNKNOWN".to_owned(), Some(3), 1));
        host.write("/usr/bin/timedatectl", 0o755, "#!/bin/sh\necho no\n");
        assert_eq!(nagios(), ("WARNING".to_owned(), Some(1), 1));
        host.run(["rm", "/etc/ssh/sshd_config.d/10-tom.conf"]).expect_success();
        assert_eq!(nagios(), ("CRITICAL".to_owned(), Some(2), 1));
        assert_eq!(host.as_user("acme").run(["tom", "doctor"]).status, Some(3), "what it may not read is not fine");
    });
}

/// Whatever is wrong: no hash, no key.
#[test]
fn nothing_secret_is_said() {
    run_on(Release::Bookworm, |release| {
        let host = sound(release).start();
        let key = Key::file("left-behind");
        host.authorized_keys("root", "FILE-KEY(left-behind)\n");
        host.run(["sh", "-ec", "echo root:SECRETPASSWORD | chpasswd; passwd -d deploy; echo 'FILE-KEY nonsense' >>/var/lib/tom/revoked; \
            chmod 640 /var/lib/tom/revoked; rm /usr/lib/*-linux-gnu/security/pam_tom.so; chmod o+w /var/lib/tom/active/resolved"]).expect_success();
        let shadow = std::fs::read_to_string(host.path("/etc/shadow")).expect("shadow");
        let hash = shadow.lines().next().and_then(|line| line.split(':').nth(1)).expect("root's hash");
        assert!(hash.starts_with('$'), "root has a password");
        let blobs = [key, anna()].map(|key| key.words().1.to_owned());
        for format in [["--format", "text"], ["--format", "json"], ["--format", "nagios"]] {
            let output = host.run([["tom", "doctor"], format].concat());
            let said = output.stdout + &output.stderr;
            assert!(said.contains("password") || said.starts_with("TOM CRITICAL"), "{said}");
            for secret in [hash, "SECRETPASSWORD", &blobs[0], &blobs[1]] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    });
}

/// `tom doctor` looks, and changes nothing but its own record; logins go on as before.
#[test]
fn it_only_looks() {
    run_on(Release::Bookworm, |release| {
        let host = sound(release).start();
        let list = "find / -xdev -not -path '/proc/*' -not -path '/run/*' -not -path '/var/lib/tom/doctor*' -newer /tmp/mark -type f";
        host.run(["touch", "/tmp/mark"]).expect_success();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(Examined::of(&host).status, Some(0));
        let changed = host.run(["sh", "-c", list]).expect_success().stdout;
        assert_eq!(changed, "");
        host.ssh("root").key(&anna()).from(OFFICE).run("id -un").assert_allowed();
    });
}

/// Every finding stands in docs/doctor.md, and nothing else does.
#[test]
fn findings_are_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let documented = std::fs::read_to_string(root.join("docs/doctor.md")).expect("docs/doctor.md");
    let table = documented.split("## Findings").nth(1).expect("the table");
    let in_table: Vec<&str> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('-') || *word == "observing" || *word == "fallback")
        .collect();
    let mut source = String::new();
    for directory in ["tom-cli/src/doctor", "tom-cli/src/doctor/sudo"] {
        for entry in std::fs::read_dir(root.join(directory)).expect("the doctor") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let text = std::fs::read_to_string(path).expect("a source");
                source += text.split("#[cfg(test)]").next().expect("a part");
            }
        }
    }
    let words: String = source.split_whitespace().collect();
    let mut made: Vec<String> = Vec::new();
    let openings = ["Finding::critical(\"", "Finding::warning(\"", "Finding::note(\"", "wrong(\""];
    for opening in openings {
        made.extend(words.split(opening).skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned)));
    }
    made.extend(
        words
            .split('"')
            .filter(|word| ["sshd-", "pam-", "sudo-"].iter().any(|area| word.starts_with(area)))
            .map(str::to_owned),
    );
    made.extend(
        ["change-undone", "change-refused", "lockout-allowed", "break-glass-used", "console-by-password"]
            .map(str::to_owned),
    );
    made.sort();
    made.dedup();
    assert!(made.len() > 80, "{made:?}");
    let undocumented: Vec<&String> = made
        .iter()
        .filter(|id| !in_table.contains(&id.as_str()) && !matches!(id.as_str(), "sshd-not-asked" | "sudo-i"))
        .collect();
    assert!(undocumented.is_empty(), "docs/doctor.md lacks {undocumented:?}");
    let unmade: Vec<&&str> = in_table
        .iter()
        .filter(|id| !made.iter().any(|made| made == **id))
        .filter(|id| !id.starts_with("sudo "))
        .collect();
    assert!(unmade.is_empty(), "docs/doctor.md has {unmade:?}");
}
