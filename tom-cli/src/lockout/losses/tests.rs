use super::*;
use crate::lockout::example::{POLICY, ROOT7, fingerprint, now, on, policy};
use crate::lockout::host_accounts::made_up::MadeUp;
use proptest::prelude::*;

const HOST: MadeUp = MadeUp(&[
    ("root", 0, &[]),
    ("toor", 0, &[]),
    ("anna", 2001, &["sudo"]),
    ("bert", 2002, &[]),
    ("deploy", 2009, &["docker"]),
    ("puzzling", 2010, &["unanswered"]),
    ("acme", 3001, &[]),
    ("nagios", 120, &[]),
]);

fn login(account: &str, credential: Credential, from: &str) -> PastLogin {
    PastLogin {
        account: account.to_owned(),
        service: "sshd".to_owned(),
        invoker: None,
        from: (!from.is_empty()).then(|| from.to_owned()),
        credential,
        who: None,
        times: 3,
        last: Moment::parse("2026-11-20T10:00:00Z").unwrap(),
        live: false,
    }
}

fn token(number: u8) -> Credential {
    Credential::Fingerprint(fingerprint(number, true))
}

fn file(number: u8) -> Credential {
    Credential::Fingerprint(fingerprint(number, false))
}

fn labelled(person: &str, label: &str) -> Credential {
    Credential::Labelled { person: person.to_owned(), label: label.to_owned() }
}

fn why(login: PastLogin) -> Option<Why> {
    why_under(POLICY, login)
}

fn why_under(text: &str, login: PastLogin) -> Option<Why> {
    let policy = policy(text);
    let mut found = losses(&on(&policy, "web1"), &policy, &[login], now(), &HOST);
    assert!(found.len() < 2);
    found.pop().map(|loss| loss.why)
}

const OFFICE: &str = "203.0.113.5";

#[test]
fn what_goes_on_is_no_loss() {
    let by_password = || Credential::Method("password".to_owned());
    for login in [
        login("root", token(1), OFFICE),
        login("root", token(1), "198.51.100.7"),
        login("root", token(2), "::ffff:203.0.113.5"),
        login("anna", token(1), "2001:db8:10::99"),
        login("bert", token(3), OFFICE),
        login("root", file(5), "192.0.2.77"),
        login("root", labelled("anna", "blue"), OFFICE),
        login("root", Credential::Machine("nightly-backup".to_owned()), "192.0.2.77"),
        // Somebody could be let in from there; by which key it was is not known.
        login("root", Credential::Unseen, OFFICE),
        // Ordinary accounts are none of tom's business, by whatever way.
        login("acme", by_password(), "192.0.2.1"),
        login("acme", Credential::Certificate, "192.0.2.1"),
        login("acme", token(9), "192.0.2.1"),
        login("acme", Credential::Unseen, "UNKNOWN"),
        // An account that is gone is lost to nobody.
        login("former", by_password(), OFFICE),
        login("no\\012name", by_password(), OFFICE),
    ] {
        assert_eq!(why(login.clone()), None, "{login:?}");
    }
}

#[test]
fn what_would_be_refused_and_why() {
    let by_password = || Credential::Method("password".to_owned());
    let rule = |denial| Some(Why::Rule(denial));
    for (login, expected) in [
        (login("root", token(1), "192.0.2.1"), rule(Denial::AddressNotAllowed)),
        (login("root", token(1), "UNKNOWN"), rule(Denial::AddressUnknown)),
        (login("root", token(3), OFFICE), rule(Denial::NoGrant)),
        (login("root", token(9), OFFICE), rule(Denial::KeyUnknown)),
        (login("root", file(5), OFFICE), rule(Denial::AddressNotAllowed)),
        (login("root", labelled("anna", "green"), OFFICE), rule(Denial::KeyUnknown)),
        (login("root", labelled("bert", "blue"), OFFICE), rule(Denial::KeyUnknown)),
        (login("root", Credential::Machine("deploy".to_owned()), OFFICE), rule(Denial::KeyUnknown)),
        (login("root", Credential::Unseen, "192.0.2.1"), rule(Denial::AddressNotAllowed)),
        (login("root", by_password(), OFFICE), Some(Why::WithoutKey)),
        (login("anna", Credential::Method("keyboard-interactive/pam".to_owned()), OFFICE), Some(Why::WithoutKey)),
        (login("root", Credential::Certificate, OFFICE), Some(Why::WithoutKey)),
        // Governed by uid, by group, and where the groups are not known.
        (login("toor", token(1), OFFICE), rule(Denial::NoGrant)),
        (login("deploy", by_password(), OFFICE), Some(Why::WithoutKey)),
        (login("deploy", file(9), OFFICE), rule(Denial::NoGrant)),
        (login("puzzling", file(9), OFFICE), rule(Denial::AccountUnknown)),
        (login("unanswered", file(9), OFFICE), rule(Denial::AccountUnknown)),
    ] {
        assert_eq!(why(login.clone()), expected, "{login:?}");
    }
    let attested = POLICY.replace("\"declared\"", "\"attested\"");
    assert_eq!(why_under(&attested, login("root", token(1), OFFICE)), rule(Denial::PinNotProven));
    let grouped = POLICY.replace("operator = ", "admin = { groups = [\"adm-web\"] }\noperator = ");
    assert_eq!(why_under(&grouped, login("acme", token(9), OFFICE)), None);
    // carl's account exists on no host of this test, and is governed all the same.
    let into_acme = POLICY.replace("\"shop\"", "\"acme\"");
    assert_eq!(why_under(&into_acme, login("acme", by_password(), OFFICE)), Some(Why::WithoutKey));
    assert_eq!(why_under(&into_acme, login("acme", file(4), "198.51.100.7")), None);
    assert_eq!(
        why_under(&format!("{into_acme}{ROOT7}"), login("acme", file(4), "198.51.100.7")),
        rule(Denial::WrongCustomer)
    );
}

#[test]
fn su_and_sudo_too() {
    let by = |service: &str, invoker: &str, account: &str, credential: Credential| PastLogin {
        service: service.to_owned(),
        invoker: Some(invoker.to_owned()),
        ..login(account, credential, "")
    };
    assert_eq!(why(by("sudo", "anna", "root", token(1))), None);
    assert_eq!(why(by("sudo", "bert", "root", token(3))), Some(Why::Rule(Denial::NoGrant)));
    assert_eq!(why(by("su", "acme", "root", token(1))), None, "no via");
    assert_eq!(why(by("sudo", "nagios", "root", Credential::NoKey)), None, "a machine");
    let without = POLICY.replace("via = [\"nagios\"]", "via = [\"icinga\"]");
    assert_eq!(
        why_under(&without, by("sudo", "nagios", "root", Credential::NoKey)),
        Some(Why::Rule(Denial::KeyMissing))
    );
}

#[test]
fn what_is_lost_already_is_told_apart() {
    let (before, after) =
        (POLICY.replace("\"office\", \"home\"", "\"home\""), POLICY.replace("\"office\", \"home\"", "\"backup\""));
    let (before, after) = (policy(&before), policy(&after));
    let logins = [login("root", token(1), OFFICE), login("root", token(1), "198.51.100.7")];
    let found = losses(&on(&after, "web1"), &after, &logins, now(), &HOST);
    let active = on(&before, "web1");
    let already: Vec<bool> = found.iter().map(|loss| loss.is_refused_by(&active, &before, now(), &HOST)).collect();
    assert_eq!((found.len(), already), (2, vec![false, true]));
}

#[test]
fn a_table_for_people() {
    let policy = policy(POLICY);
    let here = on(&policy, "web1");
    let logins = [
        login("root", token(1), "192.0.2.1"),
        PastLogin { who: Some("dora's key 'old'".to_owned()), ..login("root", token(9), OFFICE) },
        PastLogin {
            live: true,
            last: now(),
            times: 1,
            ..login("deploy", Credential::Method("password".to_owned()), OFFICE)
        },
        PastLogin {
            service: "sudo".to_owned(),
            invoker: Some("bert".to_owned()),
            last: Moment::parse("2026-10-30T10:00:00Z").unwrap(),
            ..login("root", token(3), "")
        },
    ];
    let found = losses(&here, &policy, &logins, now(), &HOST);
    let nine = fingerprint(9, true);
    assert_eq!(
        table(&found, 10).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>(),
        [
            "ACCOUNT BY FROM LAST TIMES WOULD BE REFUSED".to_owned(),
            "deploy password 203.0.113.5 now 1 only a key of the policy counts here".to_owned(),
            "root anna's key 'blue' 192.0.2.1 2026-11-20 3 address-not-allowed".to_owned(),
            format!("root dora's key 'old' ({nine}) 203.0.113.5 2026-11-20 3 key-unknown"),
            "root by sudo from bert bert's key 'red' - 2026-10-30 3 no-grant".to_owned(),
        ]
    );
    assert!(table(&found, 1).ends_with("and 3 more\n"));
    assert_eq!(table(&[], 3), "");
    // What a log says is text, and one line.
    let hostile = PastLogin { who: Some("x\x1b[2J\ny".to_owned()), ..login("root", token(9), "\u{202e}") };
    let shown = table(&losses(&here, &policy, &[hostile], now(), &HOST), 3);
    assert!(shown.lines().count() == 2 && !shown.contains('\x1b') && !shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn many_addresses_are_one_line() {
    let policy = policy(POLICY);
    let by_password = |from: String| login("root", Credential::Method("password".to_owned()), &from);
    let mut logins: Vec<PastLogin> = (1..=200).map(|number| by_password(format!("192.0.2.{number}"))).collect();
    logins.push(login("root", token(1), "192.0.2.1"));
    let found = losses(&on(&policy, "web1"), &policy, &logins, now(), &HOST);
    assert_eq!(found.len(), 201);
    let shown = table(&found, 5);
    assert!(shown.contains(" +199 ") && shown.contains(" 600 ") && shown.contains("anna's key 'blue'"), "{shown}");
    assert_eq!(shown.lines().count(), 3, "{shown}");
}

#[test]
fn a_live_session_and_its_entry_in_the_journal_are_one() {
    let policy = policy(POLICY);
    let entry = login("root", token(1), "192.0.2.1");
    let live = PastLogin { live: true, times: 1, last: now(), ..login("root", labelled("anna", "blue"), "192.0.2.1") };
    let found = losses(&on(&policy, "web1"), &policy, &[entry, live], now(), &HOST);
    let [loss] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((loss.login.live, loss.login.times), (true, 3));
}

proptest! {
    /// For logins by key a loss is what the session phase denies, and nothing else is.
    #[test]
    fn as_the_rules_decide(
        account in prop::sample::select(vec!["root", "toor", "anna", "bert", "deploy", "acme", "shop"]),
        number in 1_u8..7,
        is_token: bool,
        from in prop::sample::select(vec!["203.0.113.5", "198.51.100.7", "192.0.2.77", "192.0.2.1", "::1", "UNKNOWN"]),
        moment in 1_700_000_000_i64..1_900_000_000,
    ) {
        let policy = policy(POLICY);
        let here = on(&policy, "web1");
        let now = Moment::from_unix(moment);
        let credential = Credential::Fingerprint(fingerprint(number, is_token));
        let found = losses(&here, &policy, &[login(account, credential, from)], now, &HOST);
        let known = Facts::of(account, &here, &HOST);
        let names = known.as_ref().and_then(Facts::group_names);
        let key = crate::lockout::example::key(number, is_token);
        let request = Request {
            account: Some(account),
            uid: known.as_ref().and_then(|known| known.uid),
            groups: groups(names.as_ref()),
            origin: Origin::parse(from),
            key: Key::Blob(Cow::Borrowed(key.blob())),
            ..Request::new(Phase::Session, "sshd", now)
        };
        let expected = match decide(&here, &request) {
            Decision::Deny(denial) if known.is_some() => vec![Why::Rule(denial)],
            Decision::Deny(_) | Decision::Allow(_) | Decision::NotGoverned(_) => Vec::new(),
        };
        prop_assert_eq!(found.into_iter().map(|loss| loss.why).collect::<Vec<_>>(), expected);
    }
}
