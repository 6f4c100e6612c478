//! `tom enroll piv`: a PIV token behind a real pcscd, from its first key to a login that the token signs, and
//! everything on the way that is refused.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use simulated_piv_card::bench::{Elsewhere, Inserted, OPENSC_PKCS11, Pcscd, obstacle};
use simulated_piv_card::{Card, Cipher, FACTORY_PIN, FACTORY_PUK, Firmware, Lie, ManagementKey};
use tom_tests::evidence::{EvidenceDirectory, maker};
use tom_tests::{Bench, Host, Output, Release, on_each_release};

const OFFICE: &str = "203.0.113.5";
const PIN: &str = "471147";
const MANAGEMENT: &str = "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8";
const TYPED: &str = "471147\na1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8\n";
/// An agent beside the token, as ssh on the host sees it.
const AGENT: &str = "/run/bench/agent";
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/libpcsclite.so.1";
const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// Anna shall administer, and has no token yet.
const POLICY: &str = r#"
schema   = 1
serial   = 2026112501
operator = "Example Hosting GmbH"
token    = { assurance = "attested" }
networks = { office = ["203.0.113.0/28"] }

[[person]]
id = "anna"
name = "Anna Beispiel"
role = "administrator"
party = "operator"

[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
"#;

/// The bytes of [`MANAGEMENT`].
fn management_key() -> Vec<u8> {
    [0xa0, 0xb0, 0xc0].iter().flat_map(|high| (1..=8).map(move |low| high | low)).collect()
}

/// A token whose owner has changed PIN, PUK and management key.
fn card() -> Card {
    Card {
        maker: "simulated".to_owned(),
        puk: "87654321".to_owned(),
        management: ManagementKey::new(Cipher::Aes192, &management_key()),
        ..Card::new(11_223_344).with_pin(PIN)
    }
}

/// A host with tokens plugged in.
struct Desk {
    host: Host,
    pcscd: Pcscd,
    _socket: Elsewhere,
}

impl Desk {
    fn on(release: Release) -> Self {
        let host = Bench::on(release).trusting(&maker()).start();
        host.write_policy(POLICY);
        let pcscd = Pcscd::start();
        // pcscd is the machine's, and speaks with the library of its own release alone.
        let library = std::fs::read(LIBRARY).expect("libpcsclite, which tom-enroll-piv is built with");
        host.write("/usr/local/lib/libpcsclite.so.1", 0o644, library);
        host.run(["ldconfig"]).expect_success();
        let socket = pcscd.reachable_at(&host.path(SOCKET));
        Self { host, pcscd, _socket: socket }
    }

    /// One sitting without a terminal: `typed` is what the person enters, line by line.
    fn enrol(&self, options: &[&str], typed: &str) -> Output {
        let command = ["setsid", "--wait", "tom", "enroll", "piv", "--person", "anna", "--label", "card", "--write"];
        self.host.command().stdin(typed).run(command.iter().chain(options))
    }

    fn apply(&self) {
        let script = "sed -i 's/^serial .*/serial = 2026112502/' /etc/tom/policy.toml";
        self.host.run(["sh", "-c", script]).expect_success();
        self.host.run(["tom", "policy", "check"]).expect_success();
        self.host.run(["tom", "apply", "--now"]).expect_success();
    }

    /// Logs in with the token, which is asked by an agent beside it.
    fn enters(&self) -> bool {
        let agent = self.pcscd.agent(&self.host.path(AGENT), OPENSC_PKCS11, PIN).expect("the agent takes the key");
        let client = self.host.ssh("root").from(OFFICE).option("IdentityAgent=/run/bench/agent");
        let login = client.option("IdentitiesOnly=no").run("true");
        drop(agent);
        login.allowed()
    }

    /// All that an enrolment could leave behind on the host.
    fn traces(&self) -> String {
        let script = "find /root /etc/tom /var/lib/tom -printf '%p %y %m %u %g\n' | sort; \
                      find /root /etc/tom /var/lib/tom -type f -exec sha256sum {} + | sort";
        self.host.run(["sh", "-c", script]).expect_success().stdout
    }

    /// Refused with each of these words, and nothing is on the host that was not there before.
    #[track_caller]
    fn refuses(&self, what: &str, status: i32, said: &[&str], options: &[&str], typed: &str) {
        let before = self.traces();
        let refused = self.enrol(options, typed);
        assert_eq!(refused.status, Some(status), "{what}: {refused:#?}");
        for said in said {
            assert!(refused.stderr.contains(said), "{what}: {said}: {}", refused.stderr);
        }
        assert_eq!(refused.stdout, "", "{what}");
        assert_eq!(self.traces(), before, "{what} left something behind");
    }
}

/// Nothing that costs a try, proves a key or changes anything has reached the card.
#[track_caller]
fn assert_untouched(what: &str, inserted: &Inserted) {
    assert_eq!(inserted.log().lines(), Vec::<String>::new(), "{what}");
}

/// What was done with the card, each line by its beginning.
#[track_caller]
fn assert_steps(inserted: &Inserted, steps: &[&str]) {
    let lines = inserted.log().lines();
    let same = lines.len() == steps.len() && lines.iter().zip(steps).all(|(line, step)| line.starts_with(step));
    assert!(same, "{steps:?} were expected: {lines:?}");
}

fn at_a_desk(release: Release, test: impl FnOnce(&Desk)) {
    tom_tests::run_on(release, |release| match obstacle() {
        None => test(&Desk::on(release)),
        Some(reason) => tom_tests::skipped(&reason),
    });
}

on_each_release! {
    /// The whole way: a key made on the token, applied under "attested", and a login that the token signs.
    fn an_enrolled_token_logs_in(release) {
        at_a_desk(release, |desk| {
            let inserted = desk.pcscd.insert(card());
            let enrolled = desk.enrol(&[], TYPED).expect_success();
            for word in ["what the token's maker attests", "11223344", "only token of 'anna'", "raise its serial"] {
                assert!(enrolled.stderr.contains(word), "{word}: {enrolled:#?}");
            }
            assert!(!enrolled.stderr.contains(PIN) && !enrolled.stderr.contains(MANAGEMENT), "{enrolled:#?}");
            let steps = ["verify right, 3 left", "management right", "generate 9a", "attest 9a", "write 5fc105"];
            assert_steps(&inserted, &steps);
            desk.apply();

            desk.host.journal().clear();
            assert!(desk.enters(), "{:?}", inserted.log().lines());
            let event = desk.host.journal().event("login-allowed");
            assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY")), ("anna", "card"), "{event:#?}");
            assert_eq!(inserted.log().count("sign 9a"), 1, "{:?}", inserted.log().lines());

            // Without its PIN the token does not even go into an agent.
            let wrong = desk.pcscd.agent(&desk.host.path(AGENT), OPENSC_PKCS11, "000000");
            assert!(wrong.is_err());
        });
    }
}

fn on_bookworm(test: impl FnOnce(&Desk)) {
    at_a_desk(Release::Bookworm, test);
}

/// The management key behind the PIN is not asked for; firmware before 5.7 has one of 3DES.
#[test]
fn the_token_s_own_management_key_is_taken() {
    on_bookworm(|desk| {
        let old = Card {
            firmware: Firmware(5, 4, 3),
            management: ManagementKey::new(Cipher::TripleDes, &[0x5a; 24]),
            management_behind_pin: true,
            ..card()
        };
        let inserted = desk.pcscd.insert(old);
        desk.enrol(&["--slot", "9c", "--pin-policy", "always"], "471147\n").expect_success();
        let steps = ["verify right, 3 left", "management right", "generate 9c", "attest 9c", "write 5fc10a"];
        assert_steps(&inserted, &steps);
        desk.apply();
    });
}

/// Case 26: secrets that everybody knows. Each refusal says how to change it, and costs no try.
#[test]
fn case_26_factory_secrets_are_refused() {
    on_bookworm(|desk| {
        let factory_management = || Card { management: None, ..card() };
        for (what, card, name, command) in [
            ("PIN", card().with_pin(FACTORY_PIN), "the factory's PIN", "ykman piv access change-pin"),
            ("PUK", Card { puk: FACTORY_PUK.to_owned(), ..card() }, "the factory's PUK", "ykman piv access change-puk"),
            (
                "management key",
                factory_management(),
                "the factory's management key",
                "ykman piv access change-management-key",
            ),
        ] {
            let inserted = desk.pcscd.insert(card);
            desk.refuses(what, 1, &[name, command], &[], TYPED);
            assert_untouched(what, &inserted);
        }
        // One that says its PIN was changed, and one that says nothing.
        let hides = card().with_pin(FACTORY_PIN).lying(Lie::HidesDefaults);
        let inserted = desk.pcscd.insert(hides);
        desk.refuses("hidden", 1, &["the factory's PIN", "change-pin"], &[], "123456\n");
        assert_untouched("hidden", &inserted);
        drop(inserted);
        let inserted = desk.pcscd.insert(card().lying(Lie::NoMetadata));
        desk.refuses("nothing told", 3, &["asking whether PIN, PUK and management key are"], &[], TYPED);
        assert_untouched("nothing told", &inserted);
        drop(inserted);

        // Firmware that cannot tell: what is typed is looked at, and not sent.
        let old = || Card { firmware: Firmware(5, 2, 7), management: None, ..card() };
        let inserted = desk.pcscd.insert(old());
        desk.refuses("old, PIN", 1, &["the factory's PIN", "change-pin"], &[], "123456\n");
        assert_eq!(inserted.log().count("verify"), 0, "{:?}", inserted.log().lines());
        let management = "471147\n010203040506070801020304050607080102030405060708\n";
        desk.refuses("old, management key", 1, &["the factory's management key"], &[], management);
        assert_eq!(inserted.log().count("verify right"), 1, "{:?}", inserted.log().lines());
        assert_eq!(inserted.log().count("management"), 0, "{:?}", inserted.log().lines());
    });
}

/// Tries of the PIN are the person's: one is spent, and never the last.
#[test]
fn a_wrong_pin_costs_one_try_and_never_the_last() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card());
        desk.refuses("wrong", 1, &["the PIN is wrong; 2 tries are left"], &[], "000000\n471147\n");
        assert_eq!(inserted.log().lines(), ["verify wrong, 2 left"]);
        desk.refuses("wrong again", 1, &["(2 tries left)", "the PIN is wrong; 1 try is left"], &[], "000000\n");
        let before = inserted.log().lines();
        desk.refuses("the last", 1, &["one try of the PIN is left, and it is not spent here"], &[], TYPED);
        assert_eq!(inserted.log().lines(), before, "not asked");
        drop(inserted);

        let blocked = desk.pcscd.insert(card().lying(Lie::Blocked));
        desk.refuses("blocked", 1, &["the PIN is blocked", "unblock-pin"], &[], TYPED);
        assert_untouched("blocked", &blocked);
    });
}

#[test]
fn what_cannot_be_right_is_not_sent() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card());
        for (what, typed, said) in [
            ("nothing", "", "no PIN was typed"),
            ("an empty line", "\n", "no PIN was typed"),
            ("half a line", "4711", "no PIN was typed"),
            ("too short", "4711\n", "a PIN has 6 to 8 characters"),
            ("too long", "471147471\n", "a PIN has 6 to 8 characters"),
        ] {
            desk.refuses(what, 1, &[said, "nothing was sent"], &[], typed);
        }
        assert_untouched("PINs", &inserted);
        desk.refuses("management key", 1, &["48 hexadecimal digits"], &[], "471147\nxyz\n");
        let wrong = format!("471147\n{}\n", "5a".repeat(24));
        desk.refuses("other management key", 1, &["the management key is not this token's"], &[], &wrong);
        assert_eq!(inserted.log().count("generate"), 0, "{:?}", inserted.log().lines());
        // What is checked on the host comes before the token is.
        let host = &desk.host;
        host.write("/etc/tom/evidence/anna-card-f9.pem", 0o640, "of another token");
        let lines = inserted.log().lines();
        desk.refuses("taken", 3, &["anna-card-f9.pem is there already"], &[], TYPED);
        assert_eq!(inserted.log().lines(), lines);
    });
}

#[test]
fn the_token_is_found_or_told_why_not() {
    on_bookworm(|desk| {
        desk.refuses("no token", 3, &["no token was found"], &[], TYPED);
        let first = desk.pcscd.insert(card());
        let second = desk.pcscd.insert_beside(Card { serial: 55_667_788, ..card() });
        let both = ["there are several tokens", "--serial 11223344", "--serial 55667788"];
        desk.refuses("several", 3, &both, &[], TYPED);
        desk.refuses("another", 3, &["no token with serial number 1 is here"], &["--serial", "1"], TYPED);
        desk.refuses("another reader", 3, &["no reader has a name with 'Bank'"], &["--reader", "Bank"], TYPED);
        assert_untouched("first", &first);
        assert_untouched("second", &second);
        desk.enrol(&["--serial", "55667788"], TYPED).expect_success();
        assert_untouched("first", &first);
        assert_eq!(second.log().count("generate 9a"), 1);
    });
}

#[test]
fn without_pcscd_the_person_is_told_what_to_start() {
    on_bookworm(|desk| {
        std::fs::remove_file(desk.host.path(SOCKET)).expect("the socket");
        desk.refuses("no pcscd", 3, &["pcscd", "does not run", "systemctl start pcscd.socket"], &[], TYPED);
    });
}

/// A key that is there is not lost by a slip.
#[test]
fn a_used_slot_is_kept_unless_told_otherwise() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card().with_key(0x9a));
        desk.refuses("used", 1, &["--overwrite"], &[], TYPED);
        assert_untouched("used", &inserted);
        desk.enrol(&["--overwrite"], TYPED).expect_success();
    });
}

/// One card after the other: what it is, the exit code, and what is said.
fn refuses_each(desk: &Desk, cards: &[(&str, Card, i32, &[&str])]) {
    for (what, card, status, said) in cards {
        let _inserted = desk.pcscd.insert(card.clone());
        desk.refuses(what, *status, said, &[], TYPED);
    }
}

const OVERWRITE: &str = "another try with this slot needs --overwrite";

/// Case 7: keys that may exist elsewhere, and tokens of nobody known.
#[test]
fn case_07_keys_of_unknown_origin_are_refused() {
    let lying = |lie| card().lying(lie);
    on_bookworm(|desk| {
        let unknown = Card { maker: "another maker".to_owned(), ..card() };
        refuses_each(
            desk,
            &[
                ("imported", lying(Lie::Imported), 3, &["having the new key attested did not work"]),
                ("other key", lying(Lie::OtherKey), 1, &["the token attests another key"]),
                ("other maker", lying(Lie::OtherMaker), 1, &["issuer-unknown: ", OVERWRITE]),
                ("other token", lying(Lie::OtherToken), 1, &["not-of-this-device: ", OVERWRITE]),
                ("self-signed", lying(Lie::SelfSigned), 1, &["self-signed: ", OVERWRITE]),
                ("unknown maker", unknown, 1, &["issuer-unknown: ", OVERWRITE]),
            ],
        );
    });
}

/// Case 26: keys that ask for no PIN, and firmware that the policy does not take.
#[test]
fn case_26_pin_never_and_old_firmware_are_refused() {
    on_bookworm(|desk| {
        desk.host.write_policy(&POLICY.replace("\"attested\" }", "\"attested\", minimum-firmware = \"5.7\" }"));
        let old = Card {
            firmware: Firmware(5, 4, 3),
            management: ManagementKey::new(Cipher::TripleDes, &management_key()),
            ..card()
        };
        refuses_each(
            desk,
            &[
                ("PIN never", card().lying(Lie::PinNever), 1, &["never asks for its PIN", OVERWRITE]),
                ("old", old, 1, &["the token has firmware 5.4.3, and the policy takes 5.7.0 or newer", OVERWRITE]),
            ],
        );
    });
}

/// Answers that make no sense, or are about something else.
#[test]
fn nonsense_of_a_token_is_refused() {
    let lying = |lie| card().lying(lie);
    on_bookworm(|desk| {
        refuses_each(
            desk,
            &[
                ("slot", lying(Lie::WrongSlot), 1, &["attests slot 9c, and slot 9a was asked for", OVERWRITE]),
                ("no attest", lying(Lie::NoAttest), 3, &["the token cannot do that", "--overwrite"]),
                ("empty", lying(Lie::EmptyAttestation), 3, &["not that of a PIV token"]),
                ("garbage", lying(Lie::GarbageAttestation), 1, &["the token attests another key"]),
                ("no f9", lying(Lie::NoTokenCertificate), 1, &["certificate (f9) is gone"]),
                ("short version", lying(Lie::ShortVersion), 3, &["no token was found"]),
                ("no PIV", lying(Lie::NoPiv), 3, &["the card has no PIV application"]),
            ],
        );
    });
}

#[test]
fn a_pulled_token_is_told_as_such() {
    let lying = |lie| card().lying(lie);
    on_bookworm(|desk| {
        refuses_each(
            desk,
            &[
                ("after VERIFY", lying(Lie::RemovedAfterVerify), 3, &["was it pulled out?"]),
                ("after GENERATE", lying(Lie::RemovedAfterGenerate), 3, &["was it pulled out?", "--overwrite"]),
                ("at ATTEST", lying(Lie::RemovedAtAttest), 3, &["was it pulled out?", "--overwrite"]),
                ("at PUT DATA", lying(Lie::RemovedAtWrite), 3, &["was it pulled out?", "--overwrite"]),
            ],
        );
    });
}

/// Who has an enrolled token plugged in and does not touch it is not let in.
#[test]
fn an_untouched_token_signs_nothing() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card().lying(Lie::NotTouched));
        desk.enrol(&[], TYPED).expect_success();
        desk.apply();
        assert!(!desk.enters());
        // OpenSC asks again; the token never signs.
        let (asked, refused) = (inserted.log().count("sign 9a"), inserted.log().count("sign 9a not touched"));
        assert!(refused > 0 && refused == asked, "{:?}", inserted.log().lines());
    });
}

/// PIN and management key go from the person to the token, through no argument and no environment; and nothing of the
/// caller's environment chooses the daemon that gets them.
#[test]
fn secrets_are_in_no_argument_and_no_environment() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card());
        desk.host.journal().clear();
        let strace = ["setsid", "--wait", "strace", "-f", "-v", "-s", "65536", "-e", "trace=execve", "-o"];
        let tom = ["/run/bench/trace", "tom", "enroll", "piv", "--person", "anna", "--label", "card", "--write"];
        let command = desk.host.command().env("PCSCLITE_CSOCK_NAME", "/run/bench/nowhere").stdin(TYPED);
        command.run(strace.iter().chain(&tom)).expect_success();
        assert_eq!(inserted.log().count("generate 9a"), 1);
        let trace = std::fs::read_to_string(desk.host.path("/run/bench/trace")).expect("the trace");
        assert!(trace.contains("/usr/lib/tom/tom-enroll-piv"), "{trace}");
        let events = format!("{:?}", desk.host.journal().events());
        for secret in [PIN, MANAGEMENT] {
            assert!(!trace.contains(secret) && !events.contains(secret), "{trace} {events}");
            let places = ["/etc/tom", "/root", "/tmp", "/var/log", "/var/lib/tom"];
            let found = desk.host.run(["grep", "-r", "-l", "-a", secret].iter().chain(&places));
            assert_eq!((found.status, found.stdout.as_str()), (Some(1), ""), "{found:#?}");
        }
    });
}

/// At a terminal: nothing that is typed is shown.
#[test]
fn a_terminal_shows_no_secret() {
    on_bookworm(|desk| {
        let inserted = desk.pcscd.insert(card());
        let script = format!(
            "cd /run/bench && mkfifo keys && \
             {{ script -q -f -e -c 'tom enroll piv --person anna --label card --write' screen <keys >/dev/null & }} && \
             exec 3>keys && \
             until grep -q 'PIN of token' screen; do sleep 0.05; done && printf '{PIN}\\r' >&3 && \
             until grep -q 'Management key' screen; do sleep 0.05; done && printf '{MANAGEMENT}\\r' >&3 && wait $!"
        );
        desk.host.command().run(["sh", "-c", &script]).expect_success();
        let screen = std::fs::read_to_string(desk.host.path("/run/bench/screen")).expect("what was shown");
        assert!(screen.contains("PIN of token 11223344 (3 tries left): "), "{screen}");
        assert!(!screen.contains(PIN) && !screen.contains(&MANAGEMENT[..6]), "{screen}");
        assert_eq!(inserted.log().count("generate 9a"), 1, "{screen}");
    });
}
