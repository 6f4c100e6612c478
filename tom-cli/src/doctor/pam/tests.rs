use super::stack_faults;
use crate::inspection::pam::{Phase, Stack, parse_stack};

fn ids(phase: Phase, text: &str) -> Vec<&'static str> {
    let stack: Stack = parse_stack(text);
    stack_faults(&stack, phase, "sshd").into_iter().map(|(_, id, ..)| id).collect()
}

const UNIX: &str =
    "[success=1 new_authtok_reqd=done default=ignore] pam_unix.so\nrequisite pam_deny.so\nrequired pam_permit.so\n";
const TOM: &str = "[success=ok new_authtok_reqd=ok ignore=ignore module_unknown=ignore default=bad] pam_tom.so\n";
const AUTH: &str = "[success=done ignore=ignore default=die] pam_tom.so\n";

#[test]
fn each_fault_of_a_stack_has_its_name() {
    for (phase, text, expected) in [
        (Phase::Account, format!("required pam_nologin.so\n{UNIX}{TOM}"), vec![]),
        (
            Phase::Session,
            format!(
                "[default=1] pam_permit.so\nrequisite pam_deny.so\nrequired pam_permit.so\nrequired pam_unix.so\n{TOM}"
            ),
            vec![],
        ),
        (Phase::Auth, format!("sufficient pam_rootok.so\n{AUTH}{UNIX}"), vec![]),
        (Phase::Account, UNIX.to_owned(), vec!["pam-account-missing"]),
        (Phase::Account, format!("sufficient pam_localuser.so\n{UNIX}{TOM}"), vec!["pam-bypass"]),
        (Phase::Auth, format!("sufficient pam_wheel.so\n{AUTH}{UNIX}"), vec!["pam-bypass"]),
        (Phase::Auth, format!("{UNIX}{AUTH}"), vec![]),
        (Phase::Account, format!("{UNIX}[success=ok default=ignore] pam_tom.so\n"), vec!["pam-refusal-not-final"]),
        (Phase::Auth, format!("[success=2 default=ignore] pam_tom.so\n{UNIX}"), vec!["pam-refusal-not-final"]),
        (Phase::Account, TOM.to_owned(), vec!["pam-only-module"]),
        (Phase::Account, format!("{UNIX}required pam_tom.so observe\n"), vec!["pam-account-missing"]),
    ] {
        assert_eq!(ids(phase, &text), expected, "{text}");
    }
}
