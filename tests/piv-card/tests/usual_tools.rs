//! The simulated card before programs that know nothing of it: yubico-piv-tool, OpenSC, ssh-agent.
//!
//! If one of these would not take it for a YubiKey, a test of ours that does proves little.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests; a panic here is a failed test"
)]

use std::path::Path;
use std::process::{Command, Output};

use simulated_piv_card::bench::{OPENSC_PKCS11, Pcscd, READER, YUBICO_PKCS11, obstacle};
use simulated_piv_card::{Card, FACTORY_PIN, Firmware, Lie};

const PIN: &str = "471147";

fn bench() -> Option<Pcscd> {
    match obstacle() {
        None => Some(Pcscd::start()),
        Some(reason) => {
            tom_tests::skipped(&reason);
            None
        }
    }
}

/// What a program says that must work.
#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {output:#?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

fn piv_tool(pcscd: &Pcscd, arguments: &[&str]) -> Command {
    let mut command = pcscd.command("yubico-piv-tool");
    command.args(arguments);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A directory that goes with the test.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("piv-card-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn yubico_piv_tool_takes_it_for_a_yubikey() {
    let Some(pcscd) = bench() else { return };
    let inserted = pcscd.insert(Card::new(7_654_321).with_pin(PIN).with_key(0x9a));
    let log = inserted.log();

    assert!(said(&mut piv_tool(&pcscd, &["-a", "version"])).contains("5.7.1"));
    let status = said(&mut piv_tool(&pcscd, &["-a", "status"]));
    assert!(status.contains("7654321") && status.contains("PIN tries left:\t3"), "{status}");
    assert!(said(&mut piv_tool(&pcscd, &["-a", "attest", "-s", "9a"])).contains("BEGIN CERTIFICATE"));
    assert_eq!(log.count("verify"), 0, "{:?}", log.lines());

    assert!(!piv_tool(&pcscd, &["-a", "verify-pin", "-P", "000000"]).output().unwrap().status.success());
    assert_eq!(log.lines().last().map(String::as_str), Some("verify wrong, 2 left"));
    said(&mut piv_tool(&pcscd, &["-a", "verify-pin", "-P", PIN]));
    assert_eq!(log.lines().last().map(String::as_str), Some("verify right, 3 left"));
}

/// OpenSSL, which verifies what `yubico-piv-tool` reads, knows the root alone.
#[test]
fn the_attestation_leads_to_the_maker() {
    let Some(pcscd) = bench() else { return };
    let directory = Directory::new("chain");
    let root = directory.file("root.pem");
    std::fs::write(&root, simulated_token_maker::Maker::named("Simulated").piv_root_pem()).unwrap();
    let verified = |card: Card| {
        let inserted = pcscd.insert(card);
        let (leaf, token) = (directory.file("leaf.pem"), directory.file("token.pem"));
        std::fs::write(&leaf, said(&mut piv_tool(&pcscd, &["-a", "attest", "-s", "9a"]))).unwrap();
        std::fs::write(&token, said(&mut piv_tool(&pcscd, &["-a", "read-certificate", "-s", "f9"]))).unwrap();
        drop(inserted);
        Command::new("openssl")
            .args(["verify", "-CAfile", &root, "-untrusted", &token, &leaf])
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(verified(Card::new(1).with_key(0x9a)));
    for lie in [Lie::OtherMaker, Lie::OtherToken, Lie::SelfSigned] {
        assert!(!verified(Card::new(1).with_key(0x9a).lying(lie)), "{lie:?}");
    }
}

#[test]
fn opensc_finds_the_key_and_signs() {
    let Some(pcscd) = bench() else { return };
    let inserted = pcscd.insert(Card::new(7_654_321).with_pin(PIN).with_key(0x9a));
    let directory = Directory::new("opensc");

    let readers = said(pcscd.command("opensc-tool").arg("-l"));
    assert!(readers.contains("Yes") && readers.contains(READER), "{readers}");
    let name = said(pcscd.command("opensc-tool").arg("-n"));
    assert!(name.contains("Personal Identity Verification Card"), "{name}");
    let objects = said(pcscd.command("pkcs11-tool").args(["--module", OPENSC_PKCS11, "-O"]));
    assert!(objects.contains("Public Key Object; EC") && objects.contains("PIV AUTH"), "{objects}");

    let (data, signature) = (directory.file("data"), directory.file("signature"));
    std::fs::write(&data, [7; 32]).unwrap();
    let mut sign = pcscd.command("pkcs11-tool");
    sign.args(["--module", OPENSC_PKCS11, "--login", "--pin", PIN, "--sign", "--mechanism", "ECDSA", "--id", "01"]);
    said(sign.args(["--input-file", &data, "--output-file", &signature]));
    assert_eq!(std::fs::read(&signature).unwrap().len(), 64);
    assert_eq!(inserted.log().count("sign 9a"), 1, "{:?}", inserted.log().lines());
    assert_eq!(inserted.log().count("verify wrong"), 0, "{:?}", inserted.log().lines());
}

/// A user's whole way with the usual tools: a key made on the token, a certificate beside it, and a signature that
/// ssh-agent asks the token for.
#[test]
fn a_key_made_by_yubico_piv_tool_signs_for_ssh() {
    let Some(pcscd) = bench() else { return };
    let directory = Directory::new("ssh");
    let (public, certificate) = (directory.file("public.pem"), directory.file("certificate.pem"));
    let state = directory.0.join("state");
    // Debian 12's yubico-piv-tool knows no management key of AES, which tokens have since 5.7.
    let card = Card { firmware: Firmware(5, 4, 3), state: Some(state), ..Card::new(7_654_321).with_pin(PIN) };
    let inserted = pcscd.insert(card.clone());

    let generate = ["-a", "generate", "-s", "9a", "-A", "ECCP256", "--pin-policy", "once", "-o", &public];
    said(&mut piv_tool(&pcscd, &generate));
    // ssh-agent finds a key by the certificate beside it, whatever that says.
    std::fs::write(&certificate, said(&mut piv_tool(&pcscd, &["-a", "attest", "-s", "9a"]))).unwrap();
    said(&mut piv_tool(&pcscd, &["-a", "import-certificate", "-s", "9a", "-i", &certificate]));

    // Pulled, and the process gone: its file has the key.
    drop(inserted.pull());
    let inserted = pcscd.insert(card);
    for module in [OPENSC_PKCS11, YUBICO_PKCS11] {
        let before = inserted.log().count("sign 9a");
        let signed = sign_with_agent(&pcscd, &directory, module);
        assert_eq!(signed, Ok(()), "{module}: {:?}", inserted.log().lines());
        assert_eq!(inserted.log().count("sign 9a") - before, 1, "{module}: {:?}", inserted.log().lines());
    }
    assert_eq!(inserted.log().count("verify wrong"), 0, "{:?}", inserted.log().lines());
}

/// A signature by the agent, which `ssh-keygen` then verifies.
fn sign_with_agent(pcscd: &Pcscd, directory: &Directory, module: &str) -> Result<(), String> {
    let (socket, key) = (directory.file("agent"), directory.file("key.pub"));
    let (data, signers) = (directory.file("message"), directory.file("signers"));
    let line = pcscd.public_keys(module).into_iter().next().ok_or("no key")?;
    assert!(line.starts_with("ecdsa-sha2-nistp256 "), "{line}");
    std::fs::write(&key, &line).unwrap();
    std::fs::write(&data, "a message").unwrap();
    std::fs::write(&signers, format!("alice {line}\n")).unwrap();
    let _ = std::fs::remove_file(format!("{data}.sig"));

    let agent = pcscd.agent(Path::new(&socket), module, PIN)?;
    let sign = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", "test", "-f", &key, &data])
        .env("SSH_AUTH_SOCK", &socket)
        .output()
        .unwrap();
    drop(agent);
    let verify = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "test", "-f", &signers, "-I", "alice", "-s", &format!("{data}.sig")])
        .stdin(std::fs::File::open(&data).map_err(|error| error.to_string())?)
        .output()
        .unwrap();
    if verify.status.success() { Ok(()) } else { Err(text(&sign) + &text(&verify)) }
}

/// The card as a program, in a process of its own.
#[test]
fn the_program_is_the_same_card() {
    let Some(pcscd) = bench() else { return };
    let directory = Directory::new("program");
    let log = directory.file("log");
    let mut card = pcscd
        .command_at_the_reader(env!("CARGO_BIN_EXE_simulated-piv-card"))
        .args(["--serial", "42", "--pin", PIN, "--key", "9a:always:never", "--log", &log])
        .args(["--management-key", "3des:010203040506070801020304050607080102030405060708"])
        .spawn()
        .unwrap();
    let listed = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        text(&piv_tool(&pcscd, &["-a", "status"]).output().unwrap()).contains("Serial Number:\t42")
    });
    let verified = piv_tool(&pcscd, &["-a", "verify-pin", "-P", PIN]).output().unwrap();
    card.kill().unwrap();
    card.wait().unwrap();
    assert!(listed && verified.status.success(), "{}", text(&verified));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "verify right, 3 left\n");
}

#[test]
fn a_pulled_card_is_gone_and_comes_again() {
    let Some(pcscd) = bench() else { return };
    let inserted = pcscd.insert(Card::new(1).lying(Lie::RemovedAfterVerify));
    assert!(!piv_tool(&pcscd, &["-a", "verify-pin", "-P", FACTORY_PIN]).output().unwrap().status.success());
    assert_eq!(inserted.log().lines(), ["verify right, 3 left", "removed"]);
    assert!(!piv_tool(&pcscd, &["-a", "version"]).output().unwrap().status.success());
    let _again = pcscd.insert_again(inserted.pull().honest());
    said(&mut piv_tool(&pcscd, &["-a", "verify-pin", "-P", FACTORY_PIN]));
}

#[test]
fn two_tokens_at_once() {
    let Some(pcscd) = bench() else { return };
    let (_first, _second) = (pcscd.insert(Card::new(1)), pcscd.insert_beside(Card::new(2)));
    for (reader, serial) in [("00 00", "1"), ("00 01", "2")] {
        let status = said(pcscd.command("yubico-piv-tool").args(["-a", "status", "-r", &format!("{READER} {reader}")]));
        assert!(status.contains(&format!("Serial Number:\t{serial}\n")), "{status}");
    }
}
