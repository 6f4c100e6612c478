//! The list of revoked keys cannot be read, or not whole. Whoever has the stolen break-glass token waits for that
//! day: break-glass is what is left then.

use tom_tests::faults::{self, POLICY, bench};
use tom_tests::{Host, Key, Release, run_on};

use super::{line, session, sh};

const LIST: &str = "/var/lib/tom/revoked";

/// What is done to the list, where L stands for it; and whether it is a fault.
const DAMAGES: [(&str, bool); 12] = [
    ("chmod 0660 L", true),
    ("chmod 0666 L", true),
    ("chown acme L", true),
    ("printf '# J\\374rgen lost it\\n' >>L", false),
    ("sed -i '1i # J\\xfcrgen' L; chgrp _tom L; chmod 640 L", false),
    ("echo 'ssh-ed25519 AAAA' >>L", true),
    ("sed -i '1i ssh-ed25519 AAAA' L; chgrp _tom L; chmod 640 L", true),
    ("printf 'no key\\0\\n' >>L", true),
    ("yes '# a comment to fill the list' | head -c 2097152 >>L", true),
    ("cp L /root/l; { yes '# a comment to fill the list' | head -n 70000; cat /root/l; } >L", true),
    ("sed -i 's/$/\\r/' L; chgrp _tom L; chmod 640 L", false),
    ("sed -i -z 's/\\n$//' L; chgrp _tom L; chmod 640 L", false),
];

fn lost() -> Key {
    Key::token("bert-lost")
}

fn safe() -> Key {
    Key::token("anna-safe")
}

fn assert_revoked(host: &Host, what: &str) {
    assert_eq!(line(host, "root", &lost()), "", "{what}: the revoked key has a line");
    assert!(!session(host, &lost()), "LET IN: {what}: the revoked key has a session");
    assert!(!line(host, "root", &safe()).is_empty() && session(host, &safe()), "{what}: the other break-glass key");
}

#[test]
fn a_damaged_list_brings_no_stolen_token_back() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        // Revoked before the policy was applied, which then knows it too, and after that.
        for applied_before in [false, true] {
            if applied_before {
                sh(&host, "mv /var/lib/tom/revoked /root/list; tom apply --now && mv /root/list /var/lib/tom/revoked");
            }
            sh(&host, "rm -r /root/tom.sound; cp -a /var/lib/tom /root/tom.sound");
            for (damage, is_fault) in DAMAGES {
                let what = format!("applied before: {applied_before}, {damage}");
                sh(&host, &damage.replace('L', LIST));
                assert_revoked(&host, &what);
                // Other keys count only where nothing is wrong.
                assert_eq!(session(&host, &Key::token("anna-blue")), !is_fault, "{what}");
                host.journal().clear();
                let applied = host.apply(POLICY);
                if is_fault {
                    assert_eq!(applied.status, Some(3), "{what}: {applied:#?}");
                    assert!(applied.stderr.contains("the list of revoked keys cannot be read"), "{what}: {applied:#?}");
                    let _ = host.journal().event("apply-refused");
                } else {
                    applied.expect_success();
                }
                assert_revoked(&host, &what);
                faults::repair(&host);
            }
        }
    });
}

/// Mode 0600: sshd's helper, which runs as `_tom`, cannot read the list. It has the copy in the policy; a key
/// revoked after that gets a line, and then no session, because PAM can read it.
#[test]
fn a_list_that_root_alone_can_read() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        sh(&host, &format!("chmod 0600 {LIST}"));
        assert_revoked(&host, "mode 0600");
        sh(&host, "mv /var/lib/tom/revoked /root/list; tom apply --now && mv /root/list /var/lib/tom/revoked");
        assert!(!session(&host, &lost()), "LET IN: revoked after the policy was applied");
        assert!(!line(&host, "root", &safe()).is_empty() && session(&host, &safe()));
        assert_eq!(line(&host, "root", &Key::token("anna-blue")), "", "break-glass keys alone");
    });
}
