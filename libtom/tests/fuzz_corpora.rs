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
#[path = "../../fuzz/src/proofs.rs"]
#[allow(unreachable_pub, missing_docs, reason = "a public module of the fuzz targets, too")]
mod proofs;
#[allow(dead_code, reason = "shared with the tests of signatures")]
mod signature_maker;
#[path = "../../fuzz/src/tokens.rs"]
#[allow(unreachable_pub, missing_docs, reason = "a public module of the fuzz targets, too")]
mod tokens;

use libtom::proof::{Assessments, Trust};
use signature_maker::{Kind, Maker, armour};
use simulated_token_maker::{FidoToken, Issuer, LeafSigner, PivToken, SubjectKey, arc, pem};
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
    assert!((1..=60).contains(&count), "{}: {count} files", folder.display());
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

#[test]
fn fido_attestation() {
    replay("fido_attestation", proofs::fido_attestation);
}

#[test]
fn piv_attestation() {
    replay("piv_attestation", proofs::piv_attestation);
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
        let replayed = ["bodies", "proofs"].map(|module| format!("replay(\"{name}\", {module}::{name})"));
        assert!(replayed.iter().any(|call| this_file.contains(call)), "{name} is not replayed here");
    }
    let folders: Vec<_> = fs::read_dir(corpus("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for folder in folders {
        let folder = folder.to_str().unwrap();
        assert!(this_file.contains(&format!("replay(\"{folder}\"")), "corpus {folder} is not replayed here");
    }
}

/// The file of this name holds this; `TOM_WRITE_SEEDS=1` writes it anew.
fn is_a_seed(target: &str, name: &str, content: &[u8]) {
    let file = corpus(target).join(name);
    if std::env::var_os("TOM_WRITE_SEEDS").is_some() {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(&file, content).unwrap();
    }
    assert_eq!(fs::read(&file).unwrap(), content, "{}", file.display());
}

/// The seeds of signatures are the files of ssh-keygen and those of the maker, in their armour and without.
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
            is_a_seed("ssh_signature", &format!("{name}.{ending}"), content);
        }
    }
}

/// The seeds of attestations: what tokens say, honest and lying ones, as a simulated maker makes them.
#[test]
fn the_seeds_of_attestations_are_the_simulated_maker_s() {
    for token in tokens::fido_tokens() {
        is_a_seed("fido_attestation", token.name, &token.input());
    }
    let sound = FidoToken::sound(&tokens::maker());
    let p256 = FidoToken { key: SubjectKey::derived("fido"), ..sound.clone() };
    for (name, said) in [
        ("signed", sound.clone()),
        ("signed_p256", p256),
        ("signed_other_application", FidoToken { rp_id_hash: Some([7; 32]), ..sound.clone() }),
        ("signed_other_model", FidoToken { aaguid: [7; 16], ..sound.clone() }),
        ("signed_synchronised", FidoToken { flags: 0xcd, ..sound.clone() }),
        ("signed_backed_up", FidoToken { flags: 0xd5, ..sound.clone() }),
        ("signed_trailing", FidoToken { trailing_auth_data: vec![0], ..sound.clone() }),
    ] {
        is_a_seed("fido_attestation", name, &tokens::join(b's', &[], &said.auth_data()));
    }
    // The key of a token that may sign without a PIN: whoever forges wants a better one.
    let better = FidoToken { key: SubjectKey::ed25519("touched"), ..sound.clone() };
    for (name, lie) in [
        ("forged", FidoToken { signed_by_other_key: true, ..better.clone() }),
        ("forged_issuer", FidoToken { issuer: Issuer::OtherKey, ..better.clone() }),
        ("other_key", FidoToken { attested_key: Some(sound.key.clone()), ..better }),
        ("synchronised", FidoToken { flags: 0xcd, ..sound.clone() }),
        ("other_model", FidoToken { cert_aaguid: Some([7; 16]), ..sound.clone() }),
        ("self_signed", FidoToken { issuer: Issuer::SelfSigned, ..sound.clone() }),
        ("issuer", FidoToken { certificate_is_ca: Some(true), ..sound.clone() }),
        ("several_certificates", FidoToken { second_certificate: Some(sound.certificate()), ..sound.clone() }),
        ("old_form", FidoToken { magic: "ssh-sk-attest-v00".to_owned(), omit_auth_data: true, ..sound.clone() }),
        ("long_length", FidoToken { long_cbor_length: true, ..sound.clone() }),
    ] {
        let key = lie.public_line(&lie.application);
        let input = tokens::join(b'f', &[key.as_bytes(), &lie.challenge], &lie.attestation());
        is_a_seed("fido_attestation", &format!("lie_{name}"), &input);
    }
    let key = sound.public_line(&sound.application);
    let input = tokens::join(b'f', &[key.as_bytes(), b"another challenge"], &sound.attestation());
    is_a_seed("fido_attestation", "lie_other_challenge", &input);

    for token in tokens::piv_tokens() {
        is_a_seed("piv_attestation", token.name, &token.input());
    }
    let sound = PivToken::sound(&tokens::maker());
    let (slot, device) = (sound.slot_certificate(), sound.device_certificate());
    let as_pem = [pem(&slot), pem(&device)];
    is_a_seed("piv_attestation", "pem", &tokens::join(b'f', &[b"", as_pem[1].as_bytes()], as_pem[0].as_bytes()));
    is_a_seed("piv_attestation", "signed_slot", &tokens::join(b's', &[], &sound.leaf().to_be_signed()));
    is_a_seed("piv_attestation", "signed_device", &tokens::join(b'd', &[], &sound.device().to_be_signed()));
    let (forged, real) = sound.leaf_as_issuer();
    is_a_seed("piv_attestation", "lie_leaf_as_issuer", &tokens::join(b'f', &[b"", &real], &forged));
    let other_key = SubjectKey::ed25519("piv").ssh_line();
    is_a_seed("piv_attestation", "lie_other_key", &tokens::join(b'f', &[other_key.as_bytes(), &device], &slot));
    // Of the token that never asks for its PIN.
    let better = PivToken { serial: Some(7), ..sound.clone() };
    for (name, lie) in [
        ("forged", PivToken { leaf_signed_by: LeafSigner::OtherKey, pin: 3, ..better.clone() }),
        ("forged_issuer", PivToken { device_issuer: Issuer::OtherKey, pin: 3, ..better }),
        ("self_signed", PivToken { leaf_signed_by: LeafSigner::Itself, ..sound.clone() }),
        ("no_policy", PivToken { omit_policy: true, ..sound.clone() }),
        ("extension_twice", PivToken { duplicate_extension: Some(arc(&[3, 8])), ..sound.clone() }),
        ("wrong_slot", PivToken { slot: "f9".to_owned(), ..sound.clone() }),
    ] {
        let input = tokens::join(b'f', &[b"", &lie.device_certificate()], &lie.slot_certificate());
        is_a_seed("piv_attestation", &format!("lie_{name}"), &input);
    }
    let root = tokens::maker().piv_root_pem();
    for (name, comment) in [
        ("clears_the_screen", "# vendor: \x1b[2J evil"),
        ("carriage_return", "# vendor: a\rb"),
        ("empty_vendor", "# vendor:"),
        ("purpose_clears_the_screen", "# purpose: piv\x1b[2J"),
        ("purpose_turned_around", "# purpose: piv\u{202e}"),
    ] {
        let input = tokens::join(b't', &[], format!("{comment}\n{root}").as_bytes());
        is_a_seed("piv_attestation", &format!("trust_{name}"), &input);
    }
    let trust = format!("# vendor: Simulated\n# purpose: piv fido\n{}\n{}", root, tokens::maker().openpgp_root_pem());
    is_a_seed("piv_attestation", "trust", &tokens::join(b't', &[], trust.as_bytes()));
    is_a_seed("piv_attestation", "stored", &tokens::join(b'r', &[], &stored()));
}

/// What is stored, behind its header, beside a policy with a proven key, a disproved one and one without evidence.
fn stored() -> Vec<u8> {
    let key = |label: &str, public: &str| {
        format!(
            "[[key]]\nperson = \"anna\"\nlabel = \"{label}\"\npublic = \"{public}\"\nproof = \"piv\"\n\
             evidence = {{ slot = \"{label}.slot\", device = \"{label}.device\" }}\n"
        )
    };
    let mut tokens = tokens::piv_tokens();
    tokens.retain(|token| ["sound", "ed25519", "openpgp"].contains(&token.name));
    let text = [
        "schema = 1\nserial = 1\noperator = \"Example\"\nexpires = 2027-12-31T00:00:00Z\n".to_owned(),
        "[[person]]\nid = \"anna\"\nname = \"Anna\"\nrole = \"r\"\nparty = \"operator\"\n".to_owned(),
        tokens.iter().map(|token| key(token.name, &token.key)).collect(),
    ]
    .concat();
    let policy = libtom::policy::parse(&text).unwrap();
    let mut trust = Trust::nobody();
    trust.add_file("root", tokens::maker().piv_root_pem().as_bytes()).unwrap();
    let read = |name: &str| {
        let (label, file) = name.split_once('.')?;
        let token = tokens.iter().find(|token| token.name == label && label != "ed25519")?;
        Some(token.files[usize::from(file == "device")].clone())
    };
    let stored = libtom::proof::store(&libtom::proof::assess(&policy, read, &trust));
    // The header is what stands before the one byte of an empty list.
    let header = libtom::proof::store(&Assessments::default()).len() - 1;
    stored[header..].to_vec()
}
