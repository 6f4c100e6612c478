//! One proof verified, against one bare signature verified: what libtom's reading adds to ring's work.
//!
//! The measured loop is libtom/examples/time-proof.rs, which says why it is there.

use crate::attested::{anchors, fido_evidence, maker, piv_evidence};
use crate::directory::Directory;
use crate::report::{self, Bound, time};
use crate::samples::Samples;
use crate::turns::Order;
use simulated_token_maker::{PrivateKey, SubjectKey};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tom_tests::{Key, built_program};

const ROUNDS: usize = 500;
/// Each time that is taken is of so many verifications in a row.
const TIMES: usize = 10;

/// Real attestations, which stand beside the project and are no part of it: the words of a turn are files there.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
const REAL: [(&str, &[&str]); 3] = [
    (
        "PIV chain, YubiKey 5.2.7, all RSA 2048",
        &["piv", "piv/av-slot9c-attestation.pem", "piv/av-slotf9-intermediate.pem"],
    ),
    (
        "PIV chain, YubiKey 5.7.4, all RSA 2048",
        &["piv", "piv/sshcerts-yubikey_5c_5_7_4_attestation.der", "piv/sshcerts-yubikey_5c_5_7_4_intermediate.der"],
    ),
    (
        "FIDO statement, YubiKey 5.4.3, RSA and P-256",
        &[
            "fido",
            "fido/sshkeyattest-ecdsa_sk_credprotect_attest.pub",
            "fido/sshkeyattest-ecdsa_sk_credprotect_attest.attest",
            "fido/sshkeyattest-ecdsa_sk_credprotect_attest.challenge",
        ],
    ),
];

pub(crate) fn run() {
    let directory = Directory::new();
    let (mut turns, trust) = simulated(&directory);
    let ours = turns.len();
    let vectors = Path::new(VECTORS);
    if vectors.is_dir() {
        turns.extend(REAL.map(|(name, words)| (name, in_directory(words, vectors))));
    }
    let samples = measure(&turns, &trust);
    report::heading(
        "One proof verified, against one P-256 signature verified by ring",
        &format!("{TIMES} verifications a turn, {ROUNDS} rounds, evidence in memory; median, mean of one"),
    );
    let bare = &samples[0];
    for ((name, _), samples) in turns.iter().zip(&samples) {
        report::timed(name, samples, bare, Bound::None);
    }
    for ((name, _), samples) in turns[..ours].iter().zip(&samples).skip(2) {
        // The maker's chains have two P-256 signatures each.
        let more = samples.median() - 2.0 * bare.median();
        let what = format!("{}: more than its two signatures", name.split(' ').next().unwrap_or(name));
        report::figure(&what, &format!("{} x {:.2}", time(more), more / bare.median()), 0.0, Bound::None);
    }
    if turns.len() == ours {
        println!("  no real attestations: {VECTORS} is not there");
    }
}

type Turn = (&'static str, String);

/// The reference twice, and the simulated maker's proofs; with the files of trust anchors for all of them.
fn simulated(directory: &Directory) -> (Vec<Turn>, Vec<PathBuf>) {
    let maker = maker();
    let file = |name: &str, content: &[u8]| directory.file(name, content).display().to_string();
    let signer = PrivateKey::derived("bench");
    let SubjectKey::P256(point) = signer.public() else { panic!("no P-256 key") };
    // As long as what is signed of a certificate.
    let message = [b'm'; 600];
    let signature = file("signature", &signer.sign(&message));
    let bare = format!("p256\t{}\t{}\t{signature}", file("point", &point), file("message", &message));

    let [slot, device] = piv_evidence(&maker, &Key::ecdsa_file("bench-piv"), 1);
    let piv = format!("piv\t{}\t{}", file("slot.pem", &slot), file("device.pem", &device));
    let key = Key::token("bench-fido");
    let (attestation, challenge) = fido_evidence(&maker, &key, "anna", "blue");
    let (attestation, challenge) = (file("attestation", &attestation), file("challenge", &challenge));
    let fido = format!("fido\t{}\t{attestation}\t{challenge}", file("public", key.public().as_bytes()));

    let turns = vec![
        ("one P-256 signature, ring alone", bare.clone()),
        ("  the same again (A/A)", bare),
        ("PIV chain of two P-256 signatures", piv),
        ("FIDO statement of two P-256 signatures", fido),
    ];
    // With the shipped anchors before them, as on a host.
    let mut trust = shipped();
    for (number, (_, pem)) in anchors(&maker).into_iter().enumerate() {
        trust.push(directory.file(&format!("anchor-{number}.pem"), pem));
    }
    (turns, trust)
}

fn shipped() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(built_program("/usr/share/tom/trust")).expect("the shipped trust anchors");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    files.sort_unstable();
    files
}

fn in_directory(words: &[&str], directory: &Path) -> String {
    let files = words[1..].iter().map(|name| directory.join(name).display().to_string());
    std::iter::once(words[0].to_owned()).chain(files).collect::<Vec<_>>().join("\t")
}

/// Lets all take turns; the times of each.
fn measure(turns: &[Turn], trust: &[PathBuf]) -> Vec<Samples> {
    let mut order = Order::of(turns.len());
    let numbers: Vec<usize> = (0..ROUNDS).flat_map(|_| order.next_round().to_vec()).collect();
    let lines: Vec<&str> = numbers.iter().map(|number| turns[*number].1.as_str()).collect();
    // cargo puts examples into a directory beside this program.
    let program = std::env::current_exe().expect("the path of this program").with_file_name("examples/time-proof");
    let mut child = Command::new(&program)
        .arg(TIMES.to_string())
        .args(trust)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error} (make bench builds it)", program.display()));
    // It reads all before it answers.
    child.stdin.take().expect("a pipe").write_all(lines.join("\n").as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its answer");
    assert!(output.status.success(), "time-proof failed");
    let answer = String::from_utf8(output.stdout).expect("numbers");
    assert_eq!(answer.lines().count(), numbers.len(), "a time is missing");
    let mut samples = vec![Samples::default(); turns.len()];
    for (number, time) in numbers.iter().zip(answer.lines()) {
        samples[*number].push(time.parse().expect("a number"));
    }
    samples
}
