//! Keys on disk: how many, and one byte string of records instead of CBOR field by field. Every login reads
//! all keys to find one: three thousand would cost it more than everything else it does.
//!
//! ```text
//! key type 1 | PIN 1 | flags 1 | holder 4 | end 8 | length of blob 4 | length of label 4 | blob | label
//! ```
//!
//! Numbers are big endian. Key type and PIN are their CBOR, one byte each. The flags say what holds the key,
//! whether it ends, and whether it is for break-glass; one that this version does not know is damage.

use super::{Holder, HostKey};
use crate::moment::{Day, Moment};
use alloc::vec::Vec;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Encoder, Write};

const OF_PERSON: u8 = 0;
const OF_MACHINE: u8 = 1;
const OF_MACHINE_ELSEWHERE: u8 = 2;
const HOLDERS: u8 = 3;
const BREAK_GLASS: u8 = 4;
const ENDS: u8 = 8;
const KNOWN_FLAGS: u8 = HOLDERS | BREAK_GLASS | ENDS;

/// A record without its blob and label; records are never shorter.
const SHORTEST: usize = 23;

pub(super) fn encode<C, W: Write>(
    keys: &[HostKey<'_>],
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    let mut records = Vec::new();
    for key in keys {
        let (holder, number) = match key.holder {
            Holder::Person(number) => (OF_PERSON, number),
            Holder::Machine(number) => (OF_MACHINE, number),
            Holder::MachineElsewhere => (OF_MACHINE_ELSEWHERE, 0),
        };
        let break_glass = if key.break_glass { BREAK_GLASS } else { 0 };
        let ends = if key.valid_until.is_some() { ENDS } else { 0 };
        let end = key.valid_until.map_or(0, |day| day.last_second().as_unix());
        let too_long = |_| encode::Error::message("a key of more than 4 GB");
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(key.key_type, &mut records);
        let _ = minicbor::encode(key.pin, &mut records);
        records.push(holder | break_glass | ends);
        records.extend_from_slice(&number.to_be_bytes());
        records.extend_from_slice(&end.to_be_bytes());
        records.extend_from_slice(&u32::try_from(key.blob.len()).map_err(too_long)?.to_be_bytes());
        records.extend_from_slice(&u32::try_from(key.label.len()).map_err(too_long)?.to_be_bytes());
        records.extend_from_slice(key.blob);
        records.extend_from_slice(key.label.as_bytes());
    }
    encoder.array(2)?.u64(u64::try_from(keys.len()).unwrap_or(u64::MAX))?.bytes(&records)?.ok()
}

pub(super) fn decode<'b, C>(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Vec<HostKey<'b>>, Error> {
    let damaged = || Error::message("damaged keys");
    if decoder.array()? != Some(2) {
        return Err(damaged());
    }
    let count = usize::try_from(decoder.u64()?).map_err(|_| damaged())?;
    let mut records = decoder.bytes()?;
    // A count is believed as far as there are bytes for it.
    let mut keys = Vec::with_capacity(count.min(records.len() / SHORTEST));
    while !records.is_empty() {
        keys.push(take_key(&mut records).ok_or_else(damaged)?);
    }
    if keys.len() == count { Ok(keys) } else { Err(damaged()) }
}

fn take_key<'b>(records: &mut &'b [u8]) -> Option<HostKey<'b>> {
    let [key_type, pin, flags] = *take_array(records)?;
    let number = u32::from_be_bytes(*take_array(records)?);
    let end = i64::from_be_bytes(*take_array(records)?);
    let blob_length = u32::from_be_bytes(*take_array(records)?);
    let label_length = u32::from_be_bytes(*take_array(records)?);
    let blob = take(records, blob_length)?;
    let label = take(records, label_length)?;
    if flags & !KNOWN_FLAGS != 0 {
        return None;
    }
    Some(HostKey {
        key_type: minicbor::decode(&[key_type]).ok()?,
        blob,
        label: str::from_utf8(label).ok()?,
        holder: match flags & HOLDERS {
            OF_PERSON => Holder::Person(number),
            OF_MACHINE => Holder::Machine(number),
            OF_MACHINE_ELSEWHERE => Holder::MachineElsewhere,
            _ => return None,
        },
        valid_until: (flags & ENDS != 0).then(|| Day::ending(Moment::from_unix(end))),
        break_glass: flags & BREAK_GLASS != 0,
        pin: minicbor::decode(&[pin]).ok()?,
    })
}

fn take_array<'b, const N: usize>(records: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, rest) = records.split_first_chunk()?;
    *records = rest;
    Some(taken)
}

fn take<'b>(records: &mut &'b [u8], length: u32) -> Option<&'b [u8]> {
    let (taken, rest) = records.split_at_checked(usize::try_from(length).ok()?)?;
    *records = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PinStanding;
    use crate::public_key::KeyType;
    use alloc::vec;
    use proptest::prelude::*;

    #[derive(Debug, minicbor::Encode, minicbor::Decode)]
    struct Stored<'p>(#[cbor(b(0), with = "crate::host_policy::key_records")] Vec<HostKey<'p>>);

    fn stored(keys: &[HostKey<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        minicbor::encode(Stored(keys.to_vec()), &mut bytes).unwrap();
        bytes
    }

    fn key(holder: Holder) -> HostKey<'static> {
        HostKey {
            key_type: KeyType::SkEd25519,
            blob: b"blob",
            label: "blue",
            holder,
            valid_until: None,
            break_glass: false,
            pin: PinStanding::Declared,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let day = Day::ending(Moment::from_unix(-1));
        let keys = [
            key(Holder::Person(7)),
            HostKey { break_glass: true, valid_until: Some(day), ..key(Holder::Machine(u32::MAX)) },
            HostKey { blob: b"", label: "", pin: PinStanding::FirmwareTooOld, ..key(Holder::MachineElsewhere) },
            HostKey { label: "grün", pin: PinStanding::NotProven, key_type: KeyType::Rsa, ..key(Holder::Person(0)) },
        ];
        for keys in [&keys[..], &[]] {
            let bytes = stored(keys);
            let Stored(read) = minicbor::decode(&bytes).unwrap();
            assert_eq!(read, keys);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let sound = stored(&[key(Holder::Person(7))]);
        // [Stored, keys, count], then the head of the byte string, then type, PIN, flags.
        let records = sound.len() - SHORTEST - b"blobblue".len();
        for (place, byte) in [(2, 2), (2, 0), (records, 7), (records + 1, 5), (records + 2, 3), (records + 2, 16)] {
            let mut damaged = sound.clone();
            damaged[place] = byte;
            assert!(minicbor::decode::<Stored<'_>>(&damaged).is_err(), "byte {place} as {byte}");
        }
        let mut no_text = sound;
        *no_text.last_mut().unwrap() = 0xff;
        assert!(minicbor::decode::<Stored<'_>>(&no_text).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(records in proptest::collection::vec(any::<u8>(), 0..200), count in 0_u64..9) {
            let mut bytes = vec![];
            let mut encoder = Encoder::new(&mut bytes);
            encoder.array(1).unwrap().array(2).unwrap().u64(count).unwrap().bytes(&records).unwrap();
            if let Ok(Stored(keys)) = minicbor::decode(&bytes) {
                prop_assert_eq!(stored(&keys), bytes);
            }
        }
    }
}
