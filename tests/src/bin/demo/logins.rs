//! The table: who, with which key, from where, onto which host, and what is to come of it.

use crate::attempt::{Outcome, Seen};
use crate::company::{BACKUP_SERVER, ELSEWHERE, HOME_OF_ANNA, OFFICE, OFFICE_OF_ACME, OFFICE_V6};
use tom_tests::{Key, Refusal};

/// One login, and what is expected of it.
pub(crate) struct Row {
    pub(crate) who: &'static str,
    pub(crate) key: Key,
    pub(crate) from: &'static str,
    pub(crate) account: &'static str,
    pub(crate) host: &'static str,
    pub(crate) expected: Outcome,
    /// What tom is to say of it.
    pub(crate) reason: &'static str,
}

impl Row {
    /// Did it come out as expected?
    pub(crate) fn met_by(&self, seen: &Seen) -> bool {
        seen.outcome == self.expected && seen.reason == self.reason
    }
}

/// Some rows under one heading.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
    /// It is about the host whose policy expires meanwhile.
    pub(crate) when_expired: bool,
}

/// Which login; what is to come of it is said by the two functions below.
fn login(who: &'static str, key: Key, from: &'static str, onto: &'static str) -> Row {
    let (account, host) = onto.split_once('@').expect("account@host");
    Row { who, key, from, account, host, expected: Outcome::In, reason: "" }
}

impl Row {
    fn gets_in(self, reason: &'static str) -> Row {
        Row { reason, ..self }
    }

    fn only_rrsync(self, reason: &'static str) -> Row {
        Row { expected: Outcome::OnlyRrsync, reason, ..self }
    }

    fn refused(self, by: Refusal, reason: &'static str) -> Row {
        Row { expected: Outcome::Refused(by), reason, ..self }
    }
}

/// All of them.
pub(crate) fn sections() -> [Section; 4] {
    let section = |title, rows| Section { title, rows, when_expired: false };
    [
        section("The operator's administrators, on a shared-hosting server", administrators()),
        section("A customer who administers a root host", customers()),
        section("The backup job, which has a key in a file and may do one thing", backup()),
        Section { title: "On web2 the policy expired a moment ago", rows: after_expiry(), when_expired: true },
    ]
}

fn administrators() -> Vec<Row> {
    use Refusal::{Address, NoSignature, PinNotVerified, UnknownKey};
    let anna = Key::token("anna-blue");
    let cora = Key::ecdsa_token("cora-red");
    let laptop = Key::file("anna-laptop");
    let web = "root@web1";
    vec![
        login("anna, token and PIN, office", anna.clone(), OFFICE, web).gets_in("granted: anna, blue"),
        login("anna, token and PIN, office", anna.clone(), OFFICE_V6, web).gets_in("granted: anna, blue"),
        login("anna, token and PIN, home", anna.clone(), HOME_OF_ANNA, web).gets_in("granted: anna, blue"),
        login("cora, token and PIN, office", cora.clone(), OFFICE, web).gets_in("granted: cora, red"),
        login("cora, from anna's home", cora, HOME_OF_ANNA, web).refused(Address, "address-not-allowed"),
        login("anna, from elsewhere", anna.clone(), ELSEWHERE, web).refused(Address, "address-not-allowed"),
        login("anna, touch but no PIN", anna.clone().without_pin(), OFFICE, web)
            .refused(PinNotVerified, "verify-required"),
        login("anna, token lies about PIN", anna.clone().lying_about_pin(), OFFICE, web)
            .refused(Refusal::Signature, "verify-required"),
        login("a thief, wrong PIN", anna.with_wrong_pin(), OFFICE, web).refused(NoSignature, "verify-required"),
        login("a key in authorized_keys", laptop, OFFICE, web).refused(UnknownKey, "key-unknown"),
        login("bert, who has left", Key::token("bert-green"), OFFICE, web).refused(UnknownKey, "person-expired"),
        login("a stranger's token", Key::token("stranger"), OFFICE, web).refused(UnknownKey, "key-unknown"),
        login("a user of the shop, own key", Key::file("acme-deploy"), ELSEWHERE, "acme@web1")
            .gets_in("account-not-governed"),
    ]
}

fn customers() -> Vec<Row> {
    use Refusal::{Address, UnknownKey};
    let dora = || Key::file("dora-laptop");
    let office = OFFICE_OF_ACME;
    vec![
        login("dora of Acme, own host", dora(), office, "root@root7").gets_in("granted: dora, laptop"),
        login("dora, from elsewhere", dora(), ELSEWHERE, "root@root7").refused(Address, "address-not-allowed"),
        login("dora, Beta's host", dora(), office, "root@root8").refused(UnknownKey, "wrong-customer"),
        login("dora, a server of ours", dora(), office, "root@web1").refused(UnknownKey, "no-grant"),
        login("anna, Acme's host", Key::token("anna-blue"), OFFICE, "root@root7").gets_in("granted: anna, blue"),
    ]
}

fn backup() -> Vec<Row> {
    let job = || Key::file("nightly-backup");
    vec![
        login("backup job", job(), BACKUP_SERVER, "root@web1").only_rrsync("granted: nightly-backup"),
        login("its key, asking for a shell", job(), BACKUP_SERVER, "root@web1").only_rrsync("granted: nightly-backup"),
        login("its key, from the office", job(), OFFICE, "root@web1").refused(Refusal::Address, "address-not-allowed"),
    ]
}

fn after_expiry() -> Vec<Row> {
    use Refusal::UnknownKey;
    let web = "root@web2";
    vec![
        login("cora, token and PIN, office", Key::ecdsa_token("cora-red"), OFFICE, web)
            .refused(UnknownKey, "policy-expired"),
        login("backup job", Key::file("nightly-backup"), BACKUP_SERVER, web).refused(UnknownKey, "policy-expired"),
        login("anna, the token in the safe", Key::token("anna-safe"), OFFICE, web).gets_in("BREAK-GLASS: anna, safe"),
        login("the same, from elsewhere", Key::token("anna-safe"), ELSEWHERE, web)
            .refused(Refusal::Address, "policy-expired"),
        login("a user of the shop, own key", Key::file("acme-deploy"), ELSEWHERE, "acme@web2")
            .gets_in("account-not-governed"),
    ]
}
