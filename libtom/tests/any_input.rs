//! Whatever comes in, nothing panics, and nothing damaged is taken for sound.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use libtom::decision::{Decision, Groups, Key, Origin, Phase, Request, decide, explain};
use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy, stored};
use libtom::moment::Moment;
use libtom::policy::parse;
use proptest::prelude::*;

const POLICY: &str = include_str!("company.toml");

fn stored_company() -> Vec<u8> {
    let policy = parse(POLICY).unwrap();
    let resolved = HostPolicy::resolve(&policy, HostFacts { id: "web1.example.net", console: ConsoleRule::Token });
    stored::encode(&resolved, &stored::digest(POLICY.as_bytes()), Moment::from_unix(1_795_428_000))
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_stored_policy_is_seen() {
    let sound = stored_company();
    assert!(stored::decode(&sound).is_ok());
    for at in 0..sound.len() {
        assert!(stored::decode(&sound[..at]).is_err(), "cut at {at}");
        let mut damaged = sound.clone();
        damaged[at] ^= 0x20;
        assert!(stored::decode(&damaged).is_err(), "flipped at {at}");
    }
    assert!(stored::decode(&[sound, vec![0]].concat()).is_err(), "a byte behind the end");
}

/// A file with a right checksum around another content: written by a newer version, or by a bug.
#[test]
fn a_wrong_content_under_a_right_checksum_is_no_policy_or_a_harmless_one() {
    let sound = stored_company();
    let (_, body) = sound.split_at(25);
    for at in 0..body.len() {
        for bit in [0x01, 0x80] {
            let mut body = body.to_vec();
            body[at] ^= bit;
            let file = with_header(&body);
            // Whether it can be read or not: no panic, and a stranger stays out.
            let Ok((policy, _)) = stored::decode(&file) else { continue };
            for phase in Phase::ALL {
                let at = Moment::from_unix(1_795_428_000);
                let stranger = Request {
                    account: Some("root"),
                    uid: Some(0),
                    groups: Groups::Known(&[]),
                    origin: Origin::parse("192.0.2.99"),
                    key: Key::Unreadable,
                    ..Request::new(phase, "sshd", at)
                };
                if phase != Phase::Account {
                    assert!(matches!(decide(&policy, &stranger), Decision::Deny(_)), "{phase:?}");
                }
                let _ = explain(&policy, &stranger);
            }
        }
    }
}

fn with_header(body: &[u8]) -> Vec<u8> {
    let mut file = b"tom policy 1\n".to_vec();
    file.extend_from_slice(&(body.len() as u64).to_be_bytes());
    file.extend_from_slice(&crc32(body).to_be_bytes());
    file.extend_from_slice(body);
    file
}

/// CRC-32 as RFC 1952 section 8 has it, bit by bit: not the crate that is tested.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Lines of the sample policy, cut, doubled, exchanged and changed: most are wrong, each in its own way.
fn mutilated() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = POLICY.lines().collect();
    let count = lines.len();
    prop::collection::vec((0..count, 0..count, any::<u8>(), any::<char>()), 1..6).prop_map(move |changes| {
        let mut text: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for (a, b, what, character) in changes {
            match what % 5 {
                0 => text[a].clear(),
                1 => text.swap(a, b),
                2 => text[a] = text[b].clone(),
                3 => text[a].push(character),
                _ => {
                    let keep: String = text[a].chars().take(usize::from(what)).collect();
                    text[a] = format!("{keep}{character}");
                }
            }
        }
        text.join("\n")
    })
}

/// Found by fuzzing: the advice "write one of …" listed the names of networks as they were written, also those
/// that had just been refused for their control characters, and a terminal would have obeyed them.
#[test]
fn advice_shows_foreign_names_and_does_not_obey_them() {
    let text = POLICY.replace("\nbackup = [", "\n\"back\\u001b[2Jup\" = [");
    let problems = parse(&text).unwrap_err();
    let advice = &problems.iter().find(|problem| problem.message.contains("'backup' is no network")).unwrap().advice;
    assert!(advice.contains("back\\u{1b}[2Jup"), "{advice}");
    check(&text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_a_policy_or_a_list_of_problems(text: String) {
        check(&text);
    }

    #[test]
    fn any_mutilated_policy_is_a_policy_or_a_list_of_problems(text in mutilated()) {
        check(&text);
    }

    #[test]
    fn any_bytes_are_no_stored_policy(bytes: Vec<u8>) {
        prop_assert!(stored::decode(&bytes).is_err());
        prop_assert!(stored::decode(&with_header(&bytes)).is_err() || bytes.len() > 30);
    }
}

/// Every problem has a place within the text, and says what to do.
fn check(text: &str) {
    let Err(problems) = parse(text) else { return };
    assert!(!problems.is_empty());
    let lines = text.split('\n').count();
    for problem in problems {
        assert!((1..=lines).contains(&problem.position.line), "{problem} of {lines} lines");
        assert!(problem.position.column >= 1);
        assert!(!problem.message.is_empty() && !problem.advice.is_empty());
        assert!(!problem.message.chars().any(char::is_control), "{problem:?}");
        assert!(!problem.advice.chars().any(char::is_control), "{problem:?}");
    }
}
