use super::*;
use crate::lockout::example::{POLICY, ROOT7, now, on, policy};
use crate::lockout::host_accounts::made_up::MadeUp;
use crate::lockout::invoker::KnownBy;
use libtom::moment::Moment;
use proptest::prelude::*;

const HOST: MadeUp = MadeUp(&[("root", 0, &[]), ("anna", 2001, &["sudo"]), ("bert", 2002, &[]), ("shop", 3001, &[])]);
const WITHOUT_BERT: MadeUp = MadeUp(&[("root", 0, &[]), ("anna", 2001, &[])]);

fn able(text: &str, host: &str, accounts: &MadeUp) -> Vec<(String, Vec<String>, String)> {
    let policy = policy(text);
    let found = persons(&on(&policy, host), &policy, now(), accounts);
    found.into_iter().map(|could| (could.person, could.accounts, could.from.to_string())).collect()
}

fn found(text: &str, accounts: &MadeUp, who: Option<(&str, Option<&str>)>) -> Vec<LockOut> {
    found_at(text, accounts, who, now())
}

fn found_at(text: &str, accounts: &MadeUp, who: Option<(&str, Option<&str>)>, at: Moment) -> Vec<LockOut> {
    let policy = policy(text);
    let invoker = who.map(|(person, from)| Invoker {
        person: person.to_owned(),
        by: KnownBy::Said,
        from: from.map(str::to_owned),
    });
    judge(&on(&policy, "web1"), &policy, at, invoker.as_ref(), accounts)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn who_could_log_in_and_into_what() {
    let office = "203.0.113.0/28,2001:db8:10::/48";
    let anna = ("anna".to_owned(), owned(&["anna", "root"]), "198.51.100.7,203.0.113.0/28,2001:db8:10::/48".to_owned());
    let bert = ("bert".to_owned(), owned(&["bert"]), office.to_owned());
    let carl = ("carl".to_owned(), owned(&["shop"]), "198.51.100.7".to_owned());
    let listed = format!("{POLICY}{ROOT7}");
    assert_eq!(able(POLICY, "web1", &HOST), [anna.clone(), bert.clone(), carl.clone()]);
    // A customer's person, on the customer's host alone.
    assert_eq!(able(&listed, "web1", &HOST), [anna.clone(), bert]);
    assert_eq!(able(&listed, "root7", &HOST), [anna.clone(), carl]);
    // Accounts must exist.
    let anna_as_root = (anna.0, owned(&["root"]), anna.2);
    assert_eq!(able(POLICY, "web1", &MadeUp(&[("root", 0, &[])])), [anna_as_root]);
    assert!(able(POLICY, "web1", &MadeUp(&[])).is_empty());
}

#[test]
fn root_and_sealed_spares_are_told_apart() {
    let policy_text = POLICY.replacen("label = \"red\"", "label = \"red\"\nbreak-glass = true", 1);
    let policy = policy(&policy_text);
    let found = persons(&on(&policy, "web1"), &policy, now(), &HOST);
    let marks: Vec<(&str, bool, bool)> =
        found.iter().map(|could| (could.person.as_str(), could.enters_root, could.by_break_glass_only)).collect();
    assert_eq!(marks, [("anna", true, false), ("bert", false, true), ("carl", false, false)]);
}

#[test]
fn nobody_and_one_alone() {
    assert_eq!(found(POLICY, &HOST, None), []);
    assert_eq!(found(POLICY, &MadeUp(&[]), None), [LockOut::Nobody]);
    let alone = LockOut::OnePersonAlone { person: "anna".to_owned(), by_break_glass_only: false };
    assert_eq!(found(POLICY, &WITHOUT_BERT, None), std::slice::from_ref(&alone));
    assert!(alone.to_string().contains("'anna'") && alone.to_string().contains("--allow-lockout"), "{alone}");
    // On the day after bert's last one, with carl elsewhere.
    let listed = format!("{POLICY}{ROOT7}");
    assert_eq!(found(&listed, &HOST, None), []);
    assert_eq!(found_at(&listed, &HOST, None, Moment::parse("2027-01-01T00:00:00Z").unwrap()), [alone]);
    // What is not answered is not there.
    assert_eq!(
        found(&POLICY.replace("\"root\", \"{person}\"", "\"unanswered\""), &WITHOUT_BERT, None),
        [LockOut::Nobody]
    );
}

#[test]
fn whoever_runs_it_must_be_among_them() {
    for from in [None, Some("203.0.113.5"), Some("198.51.100.7"), Some("2001:db8:10::1"), Some("::ffff:203.0.113.5")] {
        assert_eq!(found(POLICY, &HOST, Some(("anna", from))), [], "{from:?}");
    }
    let why = |text: &str, who: &str, accounts: &MadeUp, at: &str| {
        let found = found_at(text, accounts, Some((who, None)), Moment::parse(at).unwrap());
        match found.last() {
            Some(LockOut::Invoker { person, why, others }) => {
                assert_eq!(person, who);
                let shown = found.last().unwrap().to_string();
                assert!(shown.contains(who) && others.iter().all(|other| shown.contains(other)), "{shown}");
                why.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let (today, later) = ("2026-11-25T14:30:00Z", "2027-01-01T00:00:00Z");
    let listed = format!("{POLICY}{ROOT7}");
    assert_eq!(why(POLICY, "zoe", &HOST, today), InvokersObstacle::NotInPolicy);
    assert_eq!(why(POLICY, "bert", &WITHOUT_BERT, today), InvokersObstacle::NoSuchAccounts(owned(&["bert"])));
    assert_eq!(why(POLICY, "bert", &HOST, later), InvokersObstacle::Denied(Denial::PersonExpired));
    assert_eq!(why(&listed, "carl", &HOST, today), InvokersObstacle::Denied(Denial::WrongCustomer));
    assert_eq!(why(&POLICY.replace("\"web*\"", "\"db*\""), "bert", &HOST, today), InvokersObstacle::NotGranted);
    let attested = POLICY.replace("\"declared\"", "\"attested\"");
    assert_eq!(why(&attested, "anna", &HOST, today), InvokersObstacle::Denied(Denial::PinNotProven));
    let keyless = POLICY.replace("person = \"bert\"\nlabel = \"red\"", "person = \"anna\"\nlabel = \"red\"");
    assert_eq!(why(&keyless, "bert", &HOST, today), InvokersObstacle::NoKey);
}

#[test]
fn and_from_where_that_person_is() {
    for from in ["192.0.2.1", "203.0.113.16", "127.0.0.1", "UNKNOWN", "office.example.net"] {
        let found = found(POLICY, &HOST, Some(("bert", Some(from))));
        let [LockOut::InvokersAddress { person, from: said, allowed }] = found.as_slice() else {
            panic!("{from}: {found:?}")
        };
        assert_eq!((person.as_str(), said.as_str()), ("bert", from));
        assert_eq!(allowed.to_string(), "203.0.113.0/28,2001:db8:10::/48");
        assert!(found[0].to_string().contains(from), "{}", found[0]);
    }
    // An address that is anna's alone is none of bert's.
    assert_eq!(found(POLICY, &HOST, Some(("bert", Some("198.51.100.7")))).len(), 1);
    // A terminal gets nothing but text.
    let hostile = LockOut::InvokersAddress {
        person: "anna".to_owned(),
        from: "\x1b[2J".to_owned(),
        allowed: NetworkSet::default(),
    };
    assert!(!hostile.to_string().contains('\x1b'));
}

#[test]
fn a_sentence_for_each() {
    let nobody_and_me = found(POLICY, &MadeUp(&[]), Some(("anna", None)));
    let shown: Vec<String> = nobody_and_me.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2);
    assert!(
        shown[1].contains("it lets you into 'anna' and 'root', which this host lacks; put the policy right"),
        "{shown:?}"
    );
    assert!(shown.iter().all(|line| line.contains("--allow-lockout")), "{shown:?}");
}

proptest! {
    /// Whatever accounts there are: who is said to be able to log in is let in by the rules from a network that is
    /// named, into each of the accounts; and who is not, nowhere.
    #[test]
    fn as_the_rules_decide(number in 0_usize..8, moment in 1_700_000_000_i64..1_900_000_000, address: [u8; 4]) {
        const ROOTS: [(&str, u32, &[&str]); 4] = [("root", 0, &[]), ("anna", 2001, &[]), ("bert", 2002, &[]), ("shop", 3001, &[])];
        static SOME: [MadeUp; 4] = [MadeUp(&[]), MadeUp(&[ROOTS[0]]), MadeUp(&[ROOTS[1], ROOTS[2]]), MadeUp(&ROOTS)];
        let accounts = &SOME[number % 4];
        let text = if number < 4 { POLICY.to_owned() } else { format!("{POLICY}{ROOT7}") };
        let policy = policy(&text);
        let here = on(&policy, "web1");
        let now = Moment::from_unix(moment);
        let able = persons(&here, &policy, now, accounts);
        for (who, person) in policy.persons.iter().enumerate() {
            let could = able.iter().find(|could| could.person == person.id);
            for (account, ..) in ROOTS {
                let said = could.is_some_and(|could| could.accounts.iter().any(|known| known == account));
                let anywhere = ["203.0.113.1", "198.51.100.7"].map(Origin::parse);
                let lets_in = policy.keys_of(who).any(|key| anywhere.iter().any(|from| enters(&here, account, key, *from, now)));
                let exists = accounts.0.iter().any(|(known, ..)| *known == account);
                prop_assert_eq!(said, lets_in && exists, "{} as {}", person.id, account);
            }
            let here_now = std::net::IpAddr::from(address);
            let invoker = Invoker { person: person.id.clone(), by: KnownBy::Said, from: Some(here_now.to_string()) };
            let complains = judge(&here, &policy, now, Some(&invoker), accounts)
                .iter()
                .any(|found| matches!(found, LockOut::Invoker { .. } | LockOut::InvokersAddress { .. }));
            let gets_in = could.is_some_and(|could| could.from.contains(here_now));
            prop_assert_eq!(complains, !gets_in);
        }
    }
}
