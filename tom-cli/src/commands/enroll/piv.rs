//! A PIV token: `tom-enroll-piv` makes the key and hands over what the token attests; nothing of that is believed
//! before it is verified here.

use super::{Enrolled, Sitting};
use crate::arguments::EnrollPivOptions;
use crate::exit::Failure;
use crate::output;
use libtom::proof::{Trust, piv};
use libtom::public_key::encode_blob;
use serde::Deserialize;
use std::process::{Command, Stdio};

/// A program of its own, so that the many crates that speak to cards are in no other process of tom.
const MAKER: &str = "/usr/lib/tom/tom-enroll-piv";

/// What it says on standard output.
#[derive(Deserialize)]
struct Made {
    slot: String,
    slot_certificate: String,
    device_certificate: String,
    puk: String,
}

/// Makes the key.
pub(super) fn enroll(options: &EnrollPivOptions, sitting: &Sitting, trust: &Trust) -> Result<Enrolled, Failure> {
    let slot_ending = format!("-{}.pem", options.slot);
    sitting.refuse_taken(&[&slot_ending, "-f9.pem"])?;
    let made = make(options)?;
    judge(options, slot_ending, made, trust).inspect_err(|_| tell_of_the_key_left(options))
}

/// Said beside a refusal: the key is on the token already.
pub(super) fn tell_of_the_key_left(options: &EnrollPivOptions) {
    output::message(&format!(
        "the new key stays in slot {} of the token, of no use to anyone; another try with this slot needs --overwrite",
        options.slot
    ));
}

fn judge(options: &EnrollPivOptions, slot_ending: String, made: Made, trust: &Trust) -> Result<Enrolled, Failure> {
    let (slot, device) = (made.slot_certificate.into_bytes(), made.device_certificate.into_bytes());
    let refused = |refusal: libtom::proof::Refusal| {
        Failure::findings(vec![format!("this key is not enrolled: {}: {refusal}", refusal.name())])
    };
    let key = piv::attested_key(&slot).map_err(refused)?;
    let attested = piv::verify(&key, &slot, &device, trust).map_err(refused)?;
    if attested.facts.slot.as_deref() != Some(options.slot.as_str()) || made.slot != options.slot {
        let found = attested.facts.slot.as_deref().unwrap_or("none");
        return Err(Failure::findings(vec![format!(
            "this key is not enrolled: the token attests slot {found}, and slot {} was asked for",
            options.slot
        )]));
    }
    let mut remarks = vec![
        "the person logs in with 'ssh -o PKCS11Provider=opensc-pkcs11.so', or 'ssh-add -s opensc-pkcs11.so'".to_owned(),
    ];
    if made.puk != "changed" {
        remarks.push(
            "warning: this token cannot say whether its PUK is still the factory's 12345678; change it \
             ('ykman piv access change-puk') if nobody has: who knows it can set a new PIN"
                .to_owned(),
        );
    }
    Ok(Enrolled {
        public: format!("{} {}", key.key_type().name(), encode_blob(key.blob())),
        proof: "piv",
        evidence: [("slot", slot_ending, slot), ("device", "-f9.pem".to_owned(), device)],
        attested,
        remarks,
        key_files: None,
    })
}

fn make(options: &EnrollPivOptions) -> Result<Made, Failure> {
    let mut command = Command::new(MAKER);
    command.args(["--slot", &options.slot, "--algorithm", &options.algorithm]);
    command.args(["--pin-policy", &options.pin_policy, "--touch-policy", &options.touch_policy]);
    if let Some(reader) = &options.reader {
        command.args(["--reader", reader]);
    }
    if let Some(serial) = options.serial {
        command.args(["--serial", &serial.to_string()]);
    }
    if options.overwrite {
        command.arg("--overwrite");
    }
    // Nothing of the caller's environment has a say in which daemon or token is asked.
    command.env_clear();
    for name in ["TERM", "LANG", "LC_ALL", "NO_COLOR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let made = command.stdin(Stdio::inherit()).stderr(Stdio::inherit()).stdout(Stdio::piped()).output();
    let made =
        made.map_err(|error| Failure::not_checked(format!("{MAKER} cannot be run: {error}; is tom installed?")))?;
    match made.status.code() {
        Some(0) => {}
        Some(1) => return Err(Failure::findings(vec!["no key was enrolled".to_owned()])),
        _ => return Err(Failure::not_checked("no key was enrolled")),
    }
    serde_json::from_slice(&made.stdout).map_err(|error| {
        output::message("the key may be on the token; nothing is known of it");
        Failure::not_checked(format!("{MAKER} answered something else than it should: {error}"))
    })
}
