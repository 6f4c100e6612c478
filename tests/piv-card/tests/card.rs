//! The card itself, command by command, without a reader.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "helpers of tests; a panic here is a failed test"
)]

use aes::Aes192;
use cipher::{Block, BlockCipherEncrypt, KeyInit};
use simulated_piv_card::{Card, Firmware, Lie, PinPolicy, Response, Token};

const SELECT: &[u8] = &[0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8];
const RIGHT: &[u8; 8] = b"123456\xff\xff";
const WRONG: &[u8; 8] = b"654321\xff\xff";
const PUK: &[u8; 8] = b"12345678";
const HASH: [u8; 32] = [7; 32];

/// A host that asks for the rest of long answers.
struct Host(Token);

impl Host {
    fn with(card: Card) -> Self {
        let mut host = Self(Token::new(card).unwrap());
        assert_eq!(host.send(SELECT).0, 0x9000);
        host
    }

    fn send(&mut self, command: &[u8]) -> (u16, Vec<u8>) {
        let mut data = Vec::new();
        let mut command = command.to_vec();
        loop {
            let Response::Bytes(answer) = self.0.respond(&command) else { return (0, data) };
            let (part, status) = answer.split_at(answer.len() - 2);
            data.extend_from_slice(part);
            match status {
                [0x61, _] => command = vec![0, 0xc0, 0, 0, 0],
                status => return (u16::from_be_bytes(status.try_into().unwrap()), data),
            }
        }
    }

    fn with_data(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> (u16, Vec<u8>) {
        self.send(&[&[0, ins, p1, p2, data.len() as u8], data].concat())
    }

    fn verify(&mut self, pin: &[u8]) -> u16 {
        self.with_data(0x20, 0, 0x80, pin).0
    }

    fn sign(&mut self, slot: u8) -> u16 {
        let data = [&[0x7c, 36, 0x82, 0, 0x81, 32][..], &HASH].concat();
        self.with_data(0x87, 0x11, slot, &data).0
    }

    fn manage(&mut self) {
        let key: Vec<u8> = (0..24).map(|index| index % 8 + 1).collect();
        let (status, challenge) = self.with_data(0x87, 0x0a, 0x9b, &[0x7c, 2, 0x81, 0]);
        assert_eq!(status, 0x9000);
        let mut block = Block::<Aes192>::try_from(&challenge[4..]).unwrap();
        Aes192::new_from_slice(&key).unwrap().encrypt_block(&mut block);
        let answer = [&[0x7c, 18, 0x82, 16][..], block.as_slice()].concat();
        assert_eq!(self.with_data(0x87, 0x0a, 0x9b, &answer).0, 0x9000);
    }

    fn generate(&mut self, slot: u8, policies: &[u8]) -> (u16, Vec<u8>) {
        let data = [&[0xac, 3 + policies.len() as u8, 0x80, 1, 0x11][..], policies].concat();
        self.with_data(0x47, 0, slot, &data)
    }

    fn attest(&mut self, slot: u8) -> (u16, Vec<u8>) {
        self.send(&[0, 0xf9, slot, 0, 0])
    }

    fn get(&mut self, object: [u8; 3]) -> (u16, Vec<u8>) {
        self.with_data(0xcb, 0x3f, 0xff, &[&[0x5c, 3][..], &object].concat())
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn tries_are_counted_and_the_puk_gives_new_ones() {
    let mut host = Host::with(Card::new(1));
    let steps: Vec<u16> = [&[][..], WRONG, RIGHT, &[], WRONG, &[], WRONG, WRONG, RIGHT, &[]]
        .into_iter()
        .map(|pin| host.verify(pin))
        .collect();
    // A question burns no try; a wrong PIN ends what a right one allowed.
    assert_eq!(steps, [0x63c3, 0x63c2, 0x9000, 0x9000, 0x63c2, 0x63c2, 0x63c1, 0x6983, 0x6983, 0x6983]);
    assert_eq!(host.with_data(0x2c, 0, 0x80, &[*WRONG, *RIGHT].concat()).0, 0x63c2);
    assert_eq!(host.with_data(0x2c, 0, 0x80, &[*PUK, *WRONG].concat()).0, 0x9000);
    assert_eq!(host.verify(WRONG), 0x9000);
    assert_eq!(host.with_data(0x24, 0, 0x80, &[*WRONG, *RIGHT].concat()).0, 0x9000);
    assert_eq!(host.with_data(0x24, 0, 0x80, &[*RIGHT, *b"1234\xff\xff\xff\xff"].concat()).0, 0x6a80);
    assert_eq!(host.verify(RIGHT), 0x9000);
    assert_eq!(host.0.log().count("verify wrong"), 5, "{:?}", host.0.log().lines());
}

#[test]
fn keys_ask_for_the_pin_as_their_policy_says() {
    let card = Card::new(1).with_key(0x9a).with_key(0x9c).with_key(0x9e);
    let mut host = Host::with(card);
    assert_eq!([host.sign(0x9a), host.sign(0x9c), host.sign(0x9e)], [0x6982, 0x6982, 0x9000]);
    assert_eq!(host.verify(RIGHT), 0x9000);
    assert_eq!([host.sign(0x9c), host.sign(0x9c), host.sign(0x9a), host.sign(0x9a)], [0x9000, 0x6982, 0x9000, 0x9000]);
    // Unsaid, power lost, another application: each forgets the PIN.
    assert_eq!(host.send(&[0, 0x20, 0xff, 0x80]).0, 0x9000);
    assert_eq!(host.sign(0x9a), 0x6982);
    assert_eq!((host.verify(RIGHT), host.send(SELECT).0, host.sign(0x9a)), (0x9000, 0x9000, 0x6982));
    assert_eq!(host.verify(RIGHT), 0x9000);
    host.0.reset();
    assert_eq!((host.sign(0x9a), host.send(SELECT).0, host.sign(0x9a)), (0x6d00, 0x9000, 0x6982));
}

#[test]
fn keys_are_made_and_attested_for_the_management_key_alone() {
    let mut host = Host::with(Card::new(0x0102_0304));
    assert_eq!((host.generate(0x9a, &[]).0, host.attest(0x9a).0), (0x6982, 0x6a88));
    host.manage();
    let (status, public) = host.generate(0x9a, &[0xaa, 1, 3, 0xab, 1, 2]);
    assert_eq!((status, &public[..5]), (0x9000, &[0x7f, 0x49, 0x43, 0x86, 65][..]));
    let (status, leaf) = host.attest(0x9a);
    assert_eq!(status, 0x9000);
    assert!(contains(&leaf, &public[5..]) && contains(&leaf, &[4, 1, 2, 3, 4]) && contains(&leaf, &[4, 2, 3, 2]));
    let (_, metadata) = host.send(&[0, 0xf7, 0, 0x9a, 0]);
    assert_eq!(&metadata[..10], [1, 1, 0x11, 2, 2, 3, 2, 3, 1, 1]);
    assert_eq!(host.get([0x5f, 0xff, 0x01]).0, 0x9000);
    let other = host.generate(0x9a, &[]).1;
    assert_ne!(public, other, "a new key is another one");
    assert_eq!((host.generate(0x80, &[]).0, host.generate(0x9a, &[0xaa, 1, 9]).0), (0x6b00, 0x6a80));
}

#[test]
fn an_imported_key_signs_and_is_not_attested() {
    let mut host = Host::with(Card::new(1));
    host.manage();
    assert_eq!(host.with_data(0xfe, 0x11, 0x9a, &[&[6, 32][..], &HASH, &[0xaa, 1, 1]].concat()).0, 0x9000);
    assert_eq!((host.sign(0x9a), host.attest(0x9a).0), (0x9000, 0x6a80));
}

#[test]
fn objects_come_in_parts_and_survive_with_the_file() {
    let state = std::env::temp_dir().join(format!("piv-card-objects-{}", std::process::id()));
    let card = Card { state: Some(state.clone()), ..Card::new(1) };
    let mut host = Host::with(card.clone());
    let content: Vec<u8> = (0..=255).cycle().take(700).collect();
    let whole = [&[0x5c, 3, 0x5f, 0xc1, 0x09, 0x53, 0x82, 2, 188][..], &content].concat();
    let (first, second) = whole.split_at(400);
    let put = |host: &mut Host| {
        let mut parts = first.chunks(200).map(|part| [&[0x10, 0xdb, 0x3f, 0xff, part.len() as u8], part].concat());
        assert!(parts.all(|part| host.send(&part).0 == 0x9000));
        host.send(&[&[0, 0xdb, 0x3f, 0xff, 0, (second.len() >> 8) as u8, second.len() as u8], second].concat()).0
    };
    assert_eq!(put(&mut host), 0x6982);
    host.manage();
    assert_eq!(put(&mut host), 0x9000);
    // Printed information is behind the PIN.
    assert_eq!(host.get([0x5f, 0xc1, 0x09]).0, 0x6982);
    drop(host);

    let mut host = Host::with(card);
    assert_eq!(host.verify(WRONG), 0x63c2);
    assert_eq!(host.verify(RIGHT), 0x9000);
    assert_eq!(host.get([0x5f, 0xc1, 0x09]), (0x9000, whole[5..].to_vec()));
    assert_eq!(host.get([0x5f, 0xc1, 0x02]).0, 0x6a82);
    std::fs::remove_file(state).unwrap();
}

#[test]
fn the_factory_secrets_are_told() {
    let told = |card: Card| {
        let mut host = Host::with(card);
        [0x80, 0x81, 0x9b].map(|slot| contains(&host.send(&[0, 0xf7, 0, slot, 0]).1, &[5, 1, 1]))
    };
    assert_eq!(told(Card::new(1)), [true; 3]);
    assert_eq!(told(Card::new(1).with_pin("471147")), [false, true, true]);
    assert_eq!(told(Card::new(1).lying(Lie::HidesDefaults)), [false; 3]);
    let mut old = Host::with(Card { firmware: Firmware(5, 2, 4), ..Card::new(1) });
    assert_eq!(old.send(&[0, 0xf7, 0, 0x80, 0]).0, 0x6d00);
}

#[test]
fn a_card_reset_has_other_keys() {
    let mut host = Host::with(Card::new(1).with_key(0x9a));
    let before = host.attest(0x9a).1;
    assert_eq!(host.send(&[0, 0xfb, 0, 0]).0, 0x6985);
    for _ in 0..3 {
        host.verify(WRONG);
        host.with_data(0x2c, 0, 0x80, &[*WRONG, *RIGHT].concat());
    }
    assert_eq!(host.send(&[0, 0xfb, 0, 0]).0, 0x9000);
    assert_eq!((host.attest(0x9a).0, host.verify(RIGHT)), (0x6a88, 0x9000));
    host.manage();
    host.generate(0x9a, &[]);
    assert_ne!(host.attest(0x9a).1, before);
}

/// Each lie is one: the honest card answers otherwise.
#[test]
fn lies_show() {
    let with = |lies: &[Lie]| Host::with(Card { lies: lies.to_vec(), ..Card::new(1).with_key(0x9a) });
    let honest = with(&[]).attest(0x9a);
    let attested = [
        Lie::OtherKey,
        Lie::OtherMaker,
        Lie::OtherToken,
        Lie::SelfSigned,
        Lie::PinNever,
        Lie::WrongSlot,
        Lie::OtherSerial,
        Lie::EmptyAttestation,
        Lie::GarbageAttestation,
        Lie::LongAttestation,
    ];
    for lie in attested {
        let (status, leaf) = with(&[lie]).attest(0x9a);
        assert_eq!(status, 0x9000, "{lie:?}");
        assert_ne!(leaf, honest.1, "{lie:?}");
    }
    assert_eq!(with(&[Lie::PinNotAsked]).attest(0x9a), honest);
    assert_eq!([with(&[Lie::PinNotAsked]).sign(0x9a), with(&[Lie::PinNever]).sign(0x9a)], [0x9000; 2]);
    assert_eq!(with(&[Lie::Imported]).attest(0x9a).0, 0x6a80);
    assert_eq!(with(&[Lie::NoAttest]).attest(0x9a).0, 0x6d00);
    assert_eq!(with(&[Lie::NoTokenCertificate]).get([0x5f, 0xff, 1]).0, 0x6a82);
    assert_eq!(with(&[Lie::ShortVersion]).send(&[0, 0xfd, 0, 0, 0]), (0x9000, vec![5]));
    assert_eq!(with(&[Lie::ShortSerial]).send(&[0, 0xf8, 0, 0, 0]), (0x9000, vec![0, 0]));
    assert_eq!(with(&[Lie::NoMetadata]).send(&[0, 0xf7, 0, 0x9a, 0]).0, 0x6d00);
    assert_eq!(with(&[Lie::Blocked]).verify(RIGHT), 0x6983);
    assert_eq!(with(&[Lie::AnyPin]).verify(WRONG), 0x9000);
    assert_eq!((with(&[Lie::RemovedAfterVerify]).verify(RIGHT), with(&[Lie::RemovedAtAttest]).attest(0x9a).0), (0, 0));
    let mut no_piv = Token::new(Card::new(1).lying(Lie::NoPiv)).unwrap();
    assert_eq!(no_piv.respond(SELECT), Response::Bytes(vec![0x6a, 0x82]));
    let touch = simulated_piv_card::FirstKey {
        slot: 0x9a,
        pin: PinPolicy::Never,
        touch: simulated_piv_card::TouchPolicy::Always,
    };
    let touched = |lies: Vec<Lie>| Host::with(Card { keys: vec![touch], lies, ..Card::new(1) }).sign(0x9a);
    assert_eq!((touched(vec![]), touched(vec![Lie::NotTouched])), (0x9000, 0x6982));
}
