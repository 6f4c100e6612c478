//! The built module: the six symbols of PAM and nothing else, and what each of them answers.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::process::Command;

use tom_tests::faults::{self, OFFICE, artefact};
use tom_tests::{Key, on_each_release};

const SYMBOLS: [&str; 6] = [
    "pam_sm_acct_mgmt",
    "pam_sm_authenticate",
    "pam_sm_chauthtok",
    "pam_sm_close_session",
    "pam_sm_open_session",
    "pam_sm_setcred",
];

fn module() -> String {
    let path = format!("/usr/lib/{}-linux-gnu/security/pam_tom.so", std::env::consts::ARCH);
    artefact(&path).to_str().expect("text").to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn it_exports_what_pam_asks_for_and_nothing_else() {
    let listed = output("nm", &["-D", "--defined-only", &module()]);
    let exported: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(exported, SYMBOLS.into(), "{listed}");
}

#[test]
fn it_needs_libraries_that_every_host_has() {
    let listed = output("readelf", &["--dynamic", "--wide", &module()]);
    let needed =
        listed.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| line.split(['[', ']']).nth(1));
    let needed: BTreeSet<&str> = needed.collect();
    assert!(needed.contains("libpam.so.0"), "{needed:?}");
    let known = ["libpam.so.0", "libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
    assert!(needed.iter().all(|name| known.contains(name)), "{needed:?}");
    // Nothing else is searched for, and no symbol waits for the first call.
    assert!(!listed.contains("(RPATH)") && !listed.contains("(RUNPATH)"), "{listed}");
}

/// As libpam does it: all symbols at once, and each of the six looked up.
#[test]
fn dlopen_finds_them() {
    let script = "import ctypes, os, sys
module = ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW | os.RTLD_LOCAL)
print(' '.join(name for name in sys.argv[2:] if hasattr(module, name)))";
    let module = module();
    let arguments =
        [&["-c", script, &module][..], &SYMBOLS, &["pam_sm_nothing", "pam_hooks", "rust_eh_personality"]].concat();
    assert_eq!(output("python3", &arguments).trim(), SYMBOLS.join(" "));
}

/// A stack that succeeds if pam_tom answers PAM_IGNORE, and fails whatever else it answers.
const IGNORED: &str = "[ignore=1 default=die] pam_tom.so\n";

fn stack(option: &str) -> String {
    ["auth", "account", "password", "session"]
        .map(|phase| {
            format!(
                "{phase} {}{phase} requisite pam_deny.so\n{phase} required pam_permit.so\n",
                IGNORED.replace(".so", &format!(".so {option}"))
            )
        })
        .concat()
}

on_each_release! {
    fn what_is_not_toms_matter_is_ignored(release) {
        let host = faults::bench(release).file("/etc/pam.d/sshd", 0o644, stack("")).without_sshd().start();
        for phase in ["setcred", "close_session", "chauthtok"] {
            let answer = host.pam("sshd", "root").item("rhost", OFFICE).ask(&[phase]);
            assert!(answer.success(), "{phase}: {answer:#?}");
        }
        // The others answer for root, and not by PAM_IGNORE.
        for phase in ["authenticate", "acct_mgmt", "open_session"] {
            let answer = host.pam("sshd", "root").item("rhost", OFFICE).ask(&[phase]);
            assert!(!answer.success(), "{phase}: {answer:#?}");
            let answer = host.pam("sshd", "acme").item("rhost", OFFICE).ask(&[phase]);
            assert!(answer.success(), "{phase}: {answer:#?}");
        }
    }

    fn an_unknown_option_refuses_everybody(release) {
        for option in ["debug", "nullok", "policy=/tmp/policy", "x\x1b[31m"] {
            let host = faults::bench(release).file("/etc/pam.d/sshd", 0o644, stack(option)).without_sshd().start();
            for user in ["root", "acme"] {
                for phase in ["authenticate", "acct_mgmt", "open_session"] {
                    host.journal().clear();
                    let key = format!("publickey {}", Key::token("anna-blue").public());
                    let asked = host.pam("sshd", user).item("rhost", OFFICE).env("SSH_AUTH_INFO_0", &key);
                    let answer = asked.ask(&[phase]);
                    assert!(!answer.success(), "{option} {user} {phase}: {answer:#?}");
                    let message = host.journal().event("refused").get("MESSAGE").to_owned();
                    assert!(message.contains("pam_tom has no option") && message.contains("/etc/pam.d"), "{message}");
                    assert!(!message.contains('\x1b'), "{message:?}");
                }
            }
        }
    }

    /// The wrong code would be an allow by the next module: PAM_IGNORE is no denial.
    fn a_refusal_is_a_refusal_under_every_control(release) {
        let controls = ["required", "requisite", "sufficient", "[success=ok ignore=ignore default=bad]"];
        for control in controls {
            let stack = format!(
                "account {control} pam_tom.so\naccount required pam_permit.so\n\
                 session {control} pam_tom.so\nsession required pam_permit.so\n\
                 auth {control} pam_tom.so\nauth required pam_permit.so\n"
            );
            let host = faults::bench(release).file("/etc/pam.d/sshd", 0o644, stack).without_sshd().start();
            for phase in ["acct_mgmt", "open_session", "authenticate"] {
                let answer = host.pam("sshd", "root").item("rhost", faults::ELSEWHERE).ask(&[phase]);
                // `sufficient` turns every failure into "go on": the one control that must not be used.
                assert_eq!(answer.success(), control == "sufficient", "{control} {phase}: {answer:#?}");
            }
        }
    }
}
