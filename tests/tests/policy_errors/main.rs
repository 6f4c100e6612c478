//! Every error that interfaces.md lists under "Errors when loading": told by `tom policy check` with file, line,
//! column and what to write instead; and all of them at once.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

mod cases;

use std::path::PathBuf;
use std::process::Command;

use cases::{BASE, Case, cases};
use tom_tests::Key;
use tom_tests::faults::artefact;

/// The policy with these cases, and the line and column of each.
fn policy_with(cases: &[Case]) -> (String, Vec<(usize, usize)>) {
    let mut text = BASE.to_owned();
    for (number, (place, lines, _)) in cases.iter().enumerate() {
        let mark = format!("\n# {place}\n");
        let at = text.find(&mark).expect("the place") + 1;
        // Told apart: each mark has its number.
        text.insert_str(at, &lines.replacen('@', &format!("\u{1}{number}\u{2}"), 1));
    }
    for word in ["TOKEN(", "ECDSA-FILE-KEY(", "FILE-KEY(", "OTHER("] {
        while let Some(start) = text.find(word) {
            let end = start + text[start..].find(')').expect("closed");
            let name = text[start + word.len()..end].to_owned();
            let public = match word {
                "TOKEN(" => Key::token(&name).public().to_owned(),
                "FILE-KEY(" => Key::file(&name).public().to_owned(),
                "ECDSA-FILE-KEY(" => Key::ecdsa_file(&name).public().to_owned(),
                _ => Key::file(&name).public().split(' ').nth(1).expect("a blob").to_owned(),
            };
            text.replace_range(start..=end, &public);
        }
    }
    let mut places = vec![(0, 0); cases.len()];
    while let Some(start) = text.find('\u{1}') {
        let end = start + text[start..].find('\u{2}').expect("closed");
        let number: usize = text[start + 1..end].parse().expect("a number");
        text.replace_range(start..=end, "");
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        places[number] = (text[..start].matches('\n').count() + 1, text[line_start..start].chars().count() + 1);
    }
    (text, places)
}

/// Exit code, standard output and standard error of `tom policy check`, and the file's name.
fn check(text: impl AsRef<[u8]>) -> (Option<i32>, String, String, String) {
    let name = format!("tom-check-{}-{:?}.toml", std::process::id(), std::thread::current().id());
    let path: PathBuf = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("written");
    let output = Command::new(artefact("/usr/bin/tom")).args(["policy", "check"]).arg(&path).output().expect("tom");
    std::fs::remove_file(&path).expect("removed");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr), path.display().to_string())
}

/// Whether it is told at this place, with advice.
fn is_told(said: &str, file: &str, (line, column): (usize, usize), needle: &str) -> bool {
    let place = format!("{file}:{line}:{column}: ");
    said.lines().filter_map(|told| told.strip_prefix(&place)).any(|told| {
        let advice = told.split_once("; ").map_or("", |(_, advice)| advice);
        told.contains(needle) && advice.len() > 8
    })
}

#[test]
fn the_policy_without_them_is_sound() {
    let (code, shown, said, _) = check(policy_with(&[]).0);
    assert_eq!(code, Some(0), "{said}");
    assert!(shown.contains("sound; serial 7, 2 persons, 1 key, 1 grant, 1 machine"), "{shown}");
}

#[test]
fn each_error_at_its_place() {
    let mut missed = Vec::new();
    for case in cases() {
        let (text, places) = policy_with(&[case]);
        let (code, _, said, file) = check(text);
        if code != Some(4) || !is_told(&said, &file, places[0], case.2) {
            missed.push(format!("{:?} at {:?}: exit {code:?}\n{said}", case.1, places[0]));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn all_errors_at_once() {
    // What is not TOML may hide what follows it.
    let apart = ["not TOML"];
    let cases: Vec<Case> = cases().into_iter().filter(|case| !apart.contains(&case.2)).collect();
    let (text, places) = policy_with(&cases);
    let (code, _, said, file) = check(text);
    assert_eq!(code, Some(4));
    for (case, place) in cases.iter().zip(places) {
        assert!(is_told(&said, &file, place, case.2), "{:?} at {place:?}:\n{said}", case.1);
    }
    assert!(said.contains(&format!("{} problems: the policy is invalid", cases.len())), "{said}");
}

#[test]
fn another_schema_and_what_is_required_at_the_top() {
    let base = policy_with(&[]).0;
    let (code, _, said, file) = check(base.replace("schema = 1", "schema = 2"));
    assert!(code == Some(4) && is_told(&said, &file, (1, 10), "schema 2"), "{said}");
    for line in ["schema = 1\n", "serial = 7\n", "operator = \"Example Hosting GmbH\"\n"] {
        let (code, _, said, file) = check(base.replace(line, ""));
        let key = line.split(' ').next().expect("a word");
        assert!(code == Some(4) && is_told(&said, &file, (1, 1), &format!("lacks the key '{key}'")), "{said}");
    }
}

/// Columns count characters, not bytes.
#[test]
fn columns_are_characters() {
    let (text, places) = policy_with(&[("networks", "ü = [\"192.0.2.1\"]\nwüste = [@\"x\"]\n", "")]);
    let (code, _, said, file) = check(text);
    assert!(code == Some(4) && is_told(&said, &file, places[0], "neither"), "{said}");
}

#[test]
fn what_cannot_be_read() {
    let tom = |file: &str| {
        let output = Command::new(artefact("/usr/bin/tom")).args(["policy", "check", file]).output().expect("tom");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{file}");
        output.status.code()
    };
    assert_eq!(tom("/nonexistent.toml"), Some(3));
    assert_eq!(tom("/"), Some(3));
    assert_eq!(tom("/dev/zero"), Some(3));
    let (code, _, said, file) = check(b"schema = 1\nserial = 1 # \xff\n");
    assert!(code == Some(4) && said.contains(&format!("{file}:2:")) && said.contains("UTF-8"), "{said}");
}

/// Sound, and worth a look: told, and no error.
#[test]
fn warnings_are_no_errors() {
    let base = policy_with(&[]).0;
    let (code, _, said, _) = check(base.replace("\"declared\"", "\"attested\"").replace("evidence =", "# evidence ="));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("key 'blue' of 'anna' has no evidence") && said.contains("pin-not-proven"), "{said}");
    assert!(said.contains("'anna' has one key only") && said.contains("'max' has no key"), "{said}");
    let unmet = format!("{base}[[expect]]\naccount = \"root\"\nservice = \"sshd\"\nverdict = \"allow\"\n");
    let (code, shown, said, file) = check(&unmet);
    let line = unmet.lines().position(|line| line == "[[expect]]").expect("it") + 1;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("{file}:{line}:1")) && shown.contains("1 expectation does not hold"),
        "{said}{shown}"
    );
}
