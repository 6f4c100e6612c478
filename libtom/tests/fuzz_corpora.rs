//! The corpora of the fuzz targets, replayed: whatever a campaign found to be new holds on every `make test`.
//! `.ci/run-fuzz` looks for more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

#[path = "../../fuzz/src/bodies.rs"]
#[allow(unreachable_pub, missing_docs, reason = "a public module of the fuzz targets, too")]
mod bodies;
#[allow(dead_code, reason = "shared with the tests of signatures")]
mod signature_maker;

use signature_maker::{Kind, Maker, armour};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a corpus stays small, so that it can be read and the repository stays light.
const LARGEST: usize = 4096;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

/// Every file of a corpus, through the body of its target.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = corpus(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        assert!(data.len() <= LARGEST, "{}: {} bytes", path.display(), data.len());
        // The name of the file stands above a failure of the body.
        println!("{}", path.display());
        body(&data);
        count += 1;
    }
    assert!((1..=100).contains(&count), "{}: {count} files", folder.display());
}

#[test]
fn policy_text() {
    replay("policy_text", bodies::policy_text);
}

#[test]
fn key_line() {
    replay("key_line", bodies::key_line);
}

#[test]
fn ssh_signature() {
    replay("ssh_signature", bodies::ssh_signature);
}

/// A corpus in which nothing is sound would reach nothing.
#[test]
fn the_seeds_of_policies_are_policies() {
    for (name, sound) in
        [("company", true), ("example", true), ("inline", true), ("smallest", true), ("unsound", false)]
    {
        let text = fs::read_to_string(corpus("policy_text").join(format!("{name}.toml"))).unwrap();
        assert_eq!(libtom::policy::parse(&text).map_err(|problems| format!("{problems:?}")).is_ok(), sound, "{name}");
    }
}

/// Every target has its corpus, and a corpus that nobody replays is none.
#[test]
fn each_target_is_replayed() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let this_file = include_str!("fuzz_corpora.rs");
    for entry in fs::read_dir(targets).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(this_file.contains(&format!("replay(\"{name}\", bodies::{name})")), "{name} is not replayed here");
    }
    let folders: Vec<_> = fs::read_dir(corpus("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for folder in folders {
        let folder = folder.to_str().unwrap();
        assert!(this_file.contains(&format!("replay(\"{folder}\"")), "corpus {folder} is not replayed here");
    }
}

/// The seeds of signatures are the files of ssh-keygen and those of the maker, in their armour and without.
/// `TOM_WRITE_SEEDS=1` writes them anew.
#[test]
fn the_seeds_of_signatures_are_sound() {
    let sk_ed25519 = armour(&Maker::of(Kind::SkEd25519).blob(b"Test\n"));
    let sk_ecdsa = armour(&Maker::of(Kind::SkEcdsaP256).blob(b"Test\n"));
    for (name, armoured) in [
        ("ed25519", include_str!("ssh_signatures/ed25519.sig")),
        ("ed25519_sha256", include_str!("ssh_signatures/ed25519_sha256.sig")),
        ("ecdsa_p256", include_str!("ssh_signatures/ecdsa_p256.sig")),
        ("ecdsa_p384", include_str!("ssh_signatures/ecdsa_p384.sig")),
        ("sk_ed25519", &sk_ed25519),
        ("sk_ecdsa_p256", &sk_ecdsa),
    ] {
        let encoded: String = armoured.lines().filter(|line| !line.starts_with('-')).collect();
        let blob = <base64ct::Base64 as base64ct::Encoding>::decode_vec(&encoded).unwrap();
        for (ending, content) in [("sig", armoured.as_bytes()), ("blob", &blob)] {
            let file = corpus("ssh_signature").join(format!("{name}.{ending}"));
            if std::env::var_os("TOM_WRITE_SEEDS").is_some() {
                fs::write(&file, content).unwrap();
            }
            assert_eq!(fs::read(&file).unwrap(), content, "{}", file.display());
        }
    }
}
