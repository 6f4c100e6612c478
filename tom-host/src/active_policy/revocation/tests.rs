//! The list and its copies, in a /var/lib/tom of the test's own.

use super::{Revocation, lift, renew_copies, revoke};
use crate::active_policy::{ACTIVE_DIRECTORY, FALLBACK, NewPolicy, exchange, revoked, take_turn, with_policy};
use crate::private_mounts::inside;
use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy, stored};
use libtom::moment::Moment;
use libtom::policy;
use libtom::public_key::PublicKey;
use std::fs;

/// Mounted over what is there: nothing is made in the machine's own directories.
const WORLD: &str = "mount -t tmpfs -o mode=0755 tmpfs /mnt
    mkdir -p -m 755 /mnt/etc/tom /mnt/lib/tom
    mount --bind /mnt/etc /etc
    mount --bind /mnt/lib /var/lib";
const KEY: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDC5xPnANpNtku5EhzEI6zzHjudWuUvKKWildrfWrzizAAAABHNzaDo=";
const POLICY: &str = r#"
schema = 1
serial = 1
operator = "x"
token = { assurance = "declared" }
networks = { o = ["203.0.113.0/28"] }
[[person]]
id = "anna"
name = "Anna"
role = "administrator"
party = "operator"
[[key]]
person = "anna"
label = "safe"
public = "@KEY@"
proof = "fido"
break-glass = true
[[grant]]
id = "g"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["o"]
"#;

/// As `tom apply` does it.
fn apply() {
    let text = POLICY.replace("@KEY@", KEY);
    let policy = policy::parse(&text).unwrap();
    let facts = HostFacts { id: "h", console: ConsoleRule::Token };
    let here = HostPolicy::resolve(&policy, facts).with_revoked(revoked().unwrap());
    let (digest, now) = (stored::digest(text.as_bytes()), Moment::from_unix(1_764_000_000));
    let new = NewPolicy {
        source: text.as_bytes(),
        resolved: &stored::encode(&here, &digest, now),
        fallback: &stored::encode_fallback(&here, &digest, now),
        governed: &crate::active_policy::governed_list(&here.governed()),
        proof: b"",
        anchors: "",
        evidence: &[],
        readers: 0,
    };
    assert!(exchange(&new, &take_turn().unwrap()).unwrap().warnings.is_empty());
}

/// Is it out by the copies: of the active policy, of the fallback (where it is left out too)?
fn copies_hold(blob: &[u8]) -> [bool; 2] {
    [format!("{ACTIVE_DIRECTORY}/resolved"), FALLBACK.to_owned()].map(|path| {
        let bytes = fs::read(path).unwrap();
        let (policy, _) = stored::decode(&bytes).unwrap();
        policy.is_revoked(blob)
    })
}

#[test]
fn list_and_copies_say_the_same() {
    if !inside("active_policy::revocation::tests::list_and_copies_say_the_same", WORLD) {
        return;
    }
    let key = PublicKey::parse(KEY).unwrap();
    let blob = key.blob().to_vec();
    let is_out = || with_policy(|policy, fault| (policy.is_revoked(&blob), fault.is_none()));
    apply();
    let before = [format!("{ACTIVE_DIRECTORY}/resolved"), FALLBACK.to_owned()].map(|path| fs::read(path).unwrap());
    assert_eq!((is_out(), copies_hold(&blob)), ((false, true), [false, false]));
    let revocation = Revocation { key, remark: "anna:safe".to_owned() };
    let revised = revoke(std::slice::from_ref(&revocation), 0, &take_turn().unwrap());
    assert!(revised.list.is_none() && revised.fault.is_none() && revised.warnings.is_empty(), "{revised:?}");
    assert_eq!((is_out(), copies_hold(&blob)), ((true, true), [true, true]));
    apply();
    let older = fs::read(format!("{ACTIVE_DIRECTORY}/resolved")).unwrap();
    let revised = lift(std::slice::from_ref(&blob), 0, &take_turn().unwrap()).unwrap();
    assert_eq!((revised.copies, revised.unchanged.len()), ([true, true], 0));
    assert_eq!((is_out(), copies_hold(&blob)), ((false, true), [false, false]));
    // Byte for byte what was there before, the break-glass key in the fallback with it.
    let after = [format!("{ACTIVE_DIRECTORY}/resolved"), FALLBACK.to_owned()].map(|path| fs::read(path).unwrap());
    assert_eq!(after, before);
    // A policy from when it was revoked becomes active again.
    fs::write(format!("{ACTIVE_DIRECTORY}/resolved"), older).unwrap();
    assert_eq!(is_out(), (true, true));
    assert_eq!(renew_copies(0, &take_turn().unwrap()).copies, [true, true]);
    assert_eq!((is_out(), copies_hold(&blob)), ((false, true), [false, false]));
    // A damaged list says nothing that could be taken over.
    assert!(revoke(&[revocation], 0, &take_turn().unwrap()).list.is_none());
    fs::write("/var/lib/tom/revoked", "nonsense\n").unwrap();
    assert!(renew_copies(0, &take_turn().unwrap()).fault.is_some());
    assert_eq!((is_out(), copies_hold(&blob)), ((true, false), [true, true]));
}
