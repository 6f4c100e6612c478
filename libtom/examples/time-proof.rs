//! How long one verification takes: the inner half of `make bench PARTS=proof`.
//!
//! It stands here, below libtom, because one verification is a tenth of a millisecond and a process of `tom` takes
//! several: through the built program its own start would be most of what is measured. The bench program itself is
//! not linked with libtom, since all else that it measures are built programs; it makes the evidence, chooses the
//! order, and starts this one.
//!
//! Arguments: how often each turn verifies, and files of trust anchors. Standard input: a turn a line, of words
//! separated by tabs; a time a line comes back, in nanoseconds of one verification.
//!
//! ```text
//! p256   POINT      MESSAGE      SIGNATURE    ring alone
//! piv    SLOT       DEVICE
//! fido   PUBLIC     ATTESTATION  CHALLENGE
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops, loudly and at that place"
)]

use libtom::proof::{Trust, fido, piv};
use libtom::public_key::PublicKey;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let times: u32 = arguments.next().and_then(|times| times.parse().ok()).expect("how often");
    let mut trust = Trust::nobody();
    for path in arguments {
        trust.add_file(&path, &read(&path)).expect("trust anchors");
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("turns");
    // All is read, and verified once, before anything is timed.
    let mut known = BTreeMap::new();
    for line in text.lines() {
        known.entry(line).or_insert_with(|| Verification::read(line)).run(&trust);
    }
    let time = |line| {
        let verification = known.get(line).expect("read above");
        let started = Instant::now();
        for _ in 0..times {
            verification.run(&trust);
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    let answer: Vec<String> = text.lines().map(|line| format!("{:.0}", time(line))).collect();
    println!("{}", answer.join("\n"));
}

/// What is verified.
enum Verification {
    P256 { point: Vec<u8>, message: Vec<u8>, signature: Vec<u8> },
    Piv { key: PublicKey, slot: Vec<u8>, device: Vec<u8> },
    Fido { key: PublicKey, attestation: Vec<u8>, challenge: Vec<u8> },
}

impl Verification {
    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split('\t').collect();
        match words.as_slice() {
            ["p256", point, message, signature] => {
                Self::P256 { point: read(point), message: read(message), signature: read(signature) }
            }
            ["piv", slot, device] => {
                let slot = read(slot);
                Self::Piv { key: piv::attested_key(&slot).expect("a key"), slot, device: read(device) }
            }
            ["fido", public, attestation, challenge] => {
                let public = String::from_utf8(read(public)).expect("a public key");
                let key = PublicKey::parse(public.trim_end()).expect("a public key");
                Self::Fido { key, attestation: read(attestation), challenge: read(challenge) }
            }
            _ => panic!("no turn: {line}"),
        }
    }

    /// Verifies once. What is refused would take another time.
    fn run(&self, trust: &Trust) {
        match self {
            Self::P256 { point, message, signature } => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, black_box(point));
                key.verify(black_box(message), black_box(signature)).expect("a signature");
            }
            Self::Piv { key, slot, device } => {
                let verified = piv::verify(key, black_box(slot), black_box(device), trust);
                drop(black_box(verified.expect("a sound chain")));
            }
            Self::Fido { key, attestation, challenge } => {
                let verified = fido::verify(key, black_box(attestation), black_box(challenge), trust);
                drop(black_box(verified.expect("a sound statement")));
            }
        }
    }
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
