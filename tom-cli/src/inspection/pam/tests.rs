use super::outcome::{Answers, success};
use super::{Line, logical_lines, parse_stack};

/// Whether the stack can succeed although `tom` refuses, and whether without asking it.
fn can_pass(text: &str) -> (bool, bool) {
    let stack = parse_stack(text);
    let answers = |line: &Line| match line.module.as_str() {
        "tom" => Answers::Only("perm_denied"),
        "permit" => Answers::Only("success"),
        "deny" => Answers::Only("auth_err"),
        _ => Answers::Any,
    };
    let ours = |line: &Line| line.module == "tom";
    let refused = success(&stack, &answers, &ours, &|asked| asked);
    let not_asked = success(&stack, &answers, &ours, &|asked| !asked);
    (refused.is_some(), not_asked.is_some())
}

const TOM: &str = "[success=ok new_authtok_reqd=ok ignore=ignore module_unknown=ignore default=bad] tom\n";
const UNIX: &str = "[success=1 new_authtok_reqd=done default=ignore] unix\nrequisite deny\nrequired permit\n";

#[test]
fn the_order_and_the_controls_decide() {
    for (text, refused_passes, passes_unasked, why) in [
        (format!("{UNIX}{TOM}"), false, false, "as pam-auth-update writes it"),
        (UNIX.to_owned(), false, true, "not there"),
        (format!("sufficient other\n{UNIX}{TOM}"), false, true, "sufficient ahead of us"),
        (format!("{UNIX}{TOM}sufficient other\n"), false, false, "sufficient behind us undoes nothing"),
        (format!("[success=4 default=ignore] other\n{UNIX}{TOM}required permit\n"), false, true, "jumped over"),
        (format!("[success=5 default=ignore] other\n{UNIX}{TOM}"), false, false, "a jump too far fails"),
        (format!("{UNIX}[success=ok default=ignore] tom\n"), true, false, "default=ignore"),
        (format!("{UNIX}optional tom\n"), true, false, "optional"),
        (format!("{UNIX}sufficient tom\n"), true, false, "sufficient"),
        (format!("{UNIX}[perm_denied=ignore default=bad] tom\n"), true, false, "this answer ignored"),
        (format!("{UNIX}{TOM}[default=reset] other\nrequired permit\n"), true, false, "reset behind us"),
        (format!("{UNIX}nonsense tom\n"), false, false, "a line that PAM does not understand fails"),
        ("[success=done ignore=ignore default=die] tom\nrequired unix\n".to_owned(), false, false, "auth line"),
        ("[success=1 default=ignore] tom\nrequired unix\n".to_owned(), true, false, "Debian's way of writing"),
        (format!(">sufficient other\n{UNIX}{TOM}"), false, false, "done in a substack ends that alone"),
        (format!("{UNIX}>{TOM}>required permit\n"), false, false, "a refusal in a substack stands"),
    ] {
        assert_eq!(can_pass(&text), (refused_passes, passes_unasked), "{why}:\n{text}");
    }
}

#[test]
fn the_lines_that_bring_it_about_are_named() {
    let stack = parse_stack(&format!("sufficient other\n{UNIX}{TOM}"));
    let found = success(&stack, &|_| Answers::Any, &|line| line.module == "tom", &|asked| !asked).unwrap();
    assert_eq!(found.by.iter().map(|line| line.module.as_str()).collect::<Vec<_>>(), ["other"]);
}

#[test]
fn lines_go_on_behind_a_backslash() {
    let lines = logical_lines("auth required \\\n  pam_unix.so # comment\n\n# auth\n@include x\n");
    assert_eq!(lines, [(1, "auth required    pam_unix.so".to_owned()), (5, "@include x".to_owned())]);
}
