//! What happens where pam_tom.so is missing, cut short, garbage or another machine's: written down as measured,
//! under the profile and the auth lines as shipped. The table in docs/threat-model.md says the same.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::company::{ELSEWHERE, OFFICE, anna, web1};
use tom_tests::{Host, Key, PASSWORD, Release, built_program, on_each_release};

/// ELF: the machine that the code is for, at this place of the header; RISC-V.
const MACHINE: usize = 18;
const ANOTHER_MACHINE: [u8; 2] = [0xf3, 0];

fn module() -> String {
    format!("/usr/lib/{}-linux-gnu/security/pam_tom.so", std::env::consts::ARCH)
}

fn sound() -> Vec<u8> {
    std::fs::read(built_program(&module())).expect("the built module")
}

/// acme may use sudo without a password, beta with hers.
fn host(release: Release) -> Host {
    let sudoers = "acme ALL=(ALL) NOPASSWD: ALL\nbeta ALL=(ALL) ALL\n";
    let host = web1(release).file("/etc/sudoers.d/some", 0o440, sudoers).start();
    host.authorized_keys("acme", &format!("{}\n", own_key().public()));
    host.authorized_keys("root", &format!("{}\n", own_key().public()));
    host
}

fn own_key() -> Key {
    Key::file("laptop")
}

/// As dpkg does it: written beside, and put in its place.
fn put(host: &Host, bytes: Option<&[u8]>) {
    host.run(["rm", "-f", &module()]).expect_success();
    if let Some(bytes) = bytes {
        host.write(&module(), 0o644, bytes);
    }
}

/// Every way in, and whether it is open.
fn ways(host: &Host) -> Vec<(&'static str, bool)> {
    let typed = format!("{PASSWORD}\n");
    let ssh = |account: &str, key: &Key, from: &str| host.ssh(account).key(key).from(from).run("id -un").allowed();
    let local = |caller: &str, line: &[&str]| host.as_user(caller).stdin(typed.clone()).run(line).success();
    let login = |account: &str| {
        let stack = host.pam("login", account).typing(&typed).item("tty", "tty1");
        stack.ask(&["authenticate", "acct_mgmt", "open_session"]).success()
    };
    vec![
        ("ssh: root by token", ssh("root", &anna(), OFFICE)),
        ("ssh: root by token from elsewhere", ssh("root", &anna(), ELSEWHERE)),
        ("ssh: root by a key in authorized_keys", ssh("root", &own_key(), OFFICE)),
        ("ssh: a customer", ssh("acme", &own_key(), ELSEWHERE)),
        ("console: governed", login("deploy")),
        ("console: a customer", login("acme")),
        ("su: to governed", local("acme", &["su", "deploy", "-c", "id"])),
        ("su: to a customer", local("acme", &["su", "beta", "-c", "id"])),
        ("sudo, password: to root", local("beta", &["sudo", "-S", "id"])),
        ("sudo, password: to a customer", local("beta", &["sudo", "-S", "-u", "acme", "id"])),
        ("sudo, NOPASSWD: to root", local("acme", &["sudo", "-n", "id"])),
        ("sudo, NOPASSWD: to a customer", local("acme", &["sudo", "-n", "-u", "beta", "id"])),
        ("root: su to anybody", local("root", &["su", "deploy", "-c", "id"])),
        ("root: sudo to anybody", local("root", &["sudo", "-n", "-u", "acme", "id"])),
        ("root: chfn", local("root", &["chfn", "-r", "1", "acme"])),
    ]
}

fn assert_ways(host: &Host, what: &str, expected: &[(&str, bool)]) {
    assert_eq!(ways(host), expected, "{what}");
}

/// The module works.
const SOUND: [(&str, bool); 15] = [
    ("ssh: root by token", true),
    ("ssh: root by token from elsewhere", false),
    ("ssh: root by a key in authorized_keys", false),
    ("ssh: a customer", true),
    ("console: governed", false),
    ("console: a customer", true),
    ("su: to governed", false),
    ("su: to a customer", true),
    ("sudo, password: to root", false),
    ("sudo, password: to a customer", true),
    ("sudo, NOPASSWD: to root", false),
    ("sudo, NOPASSWD: to a customer", true),
    ("root: su to anybody", true),
    ("root: sudo to anybody", true),
    ("root: chfn", true),
];

/// It cannot be loaded: `module_unknown=ignore` in account and session, `default=die` in the lines of login, su and sudo.
/// sshd's own lines hold; whoever goes by one of those three is kept out, ordinary users too. Found here: without sudo's
/// account line NOPASSWD led to root, since sudo asks no auth then.
const NOT_LOADED: [(&str, bool); 15] = [
    ("ssh: root by token", true),
    ("ssh: root by token from elsewhere", false),
    ("ssh: root by a key in authorized_keys", false),
    ("ssh: a customer", true),
    ("console: governed", false),
    ("console: a customer", false),
    ("su: to governed", false),
    ("su: to a customer", false),
    ("sudo, password: to root", false),
    ("sudo, password: to a customer", false),
    ("sudo, NOPASSWD: to root", false),
    ("sudo, NOPASSWD: to a customer", false),
    ("root: su to anybody", true),
    ("root: sudo to anybody", false),
    ("root: chfn", true),
];

on_each_release! {
    fn missing_garbage_and_of_another_machine(release) {
        let host = host(release);
        assert_ways(&host, "sound", &SOUND);
        let mut foreign = sound();
        foreign[MACHINE..MACHINE + 2].copy_from_slice(&ANOTHER_MACHINE);
        let junk = b"twenty bytes of junk".to_vec();
        for (what, bytes) in [("missing", None), ("garbage", Some(junk)), ("empty", Some(Vec::new())), ("another machine's", Some(foreign))] {
            put(&host, bytes.as_deref());
            assert_ways(&host, what, &NOT_LOADED);
        }
        put(&host, Some(&sound()));
        assert_ways(&host, "put back", &SOUND);
    }

    /// The loader maps what is not there: whoever asks PAM is killed (SIGBUS), root and ordinary users too. Closed for
    /// all; who is in stays in, and can put it right, for that asks no PAM.
    fn cut_short(release) {
        let host = host(release);
        let control = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).unwrap_or_else(|login| panic!("{login:#?}"));
        put(&host, Some(&sound()[..100_000]));
        let closed: Vec<(&str, bool)> = SOUND.iter().map(|(way, _)| (*way, false)).collect();
        assert_ways(&host, "cut short", &closed);
        let killed = host.run(["sh", "-c", "su acme -c id; echo $?"]);
        assert_eq!(killed.stdout, "135\n", "SIGBUS: {killed:#?}");
        // The connection of before still opens sessions; the module's lines can be taken out, or the module.
        assert_eq!(control.run("id -un").stdout, "root\n");
        assert!(control.run(&format!("rm {}", module())).success());
        assert_ways(&host, "taken away from within", &NOT_LOADED);
        put(&host, Some(&sound()));
        assert_ways(&host, "put back", &SOUND);
    }

    /// On a host that observes, one that cannot be loaded is passed over; one that is cut short is no better there.
    fn on_a_host_that_observes(release) {
        let host = web1(release).observing().start();
        host.authorized_keys("acme", &format!("{}\n", own_key().public()));
        let typed = format!("{PASSWORD}\n");
        let enters = || {
            let ssh = host.ssh("acme").key(&own_key()).from(ELSEWHERE).run("id").allowed();
            let su = host.as_user("acme").stdin(typed.clone()).run(["su", "deploy", "-c", "id"]).success();
            (ssh, su)
        };
        assert_eq!(enters(), (true, true));
        for bytes in [None, Some(&b"twenty bytes of junk"[..])] {
            put(&host, bytes);
            assert_eq!(enters(), (true, true), "{bytes:?}");
        }
        put(&host, Some(&sound()[..100_000]));
        assert_eq!(enters(), (false, false));
    }
}
