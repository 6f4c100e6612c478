//! `tom-enroll-piv`: makes a key on a PIV token and reads its attestation, for `tom enroll piv`.
//!
//! A program of its own, so that the many crates and the panics of the `yubikey` crate are in no other process.
//! It asks on the terminal, tells on stderr, and writes one line of JSON on stdout. It believes nothing of what a
//! token says: `tom` verifies the certificates.
//!
//! Exit codes: 0 done, 1 refused, 2 wrong usage, 3 could not.

mod arguments;
mod attested_key;
mod choice;
mod factory;
mod failure;
mod hardening;
mod management_key;
mod object;
mod pin;
mod readers;
mod report;
mod slot;
mod terminal;
mod token;

use arguments::Arguments;
use clap::Parser;
use failure::Failure;
use report::Report;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    hardening::no_core_dump();
    hardening::silent_panics();
    match catch_unwind(AssertUnwindSafe(|| enroll(&arguments))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            terminal::tell(&format!("tom-enroll-piv: {failure}"));
            failure.exit_code()
        }
        Err(_) => {
            terminal::tell("tom-enroll-piv: a fault of this program; please report it");
            Failure::COULD_NOT.into()
        }
    }
}

/// The steps in their order: nothing secret is asked for before everything that can be refused without it, and
/// nothing on the token is changed before everything has been asked.
fn enroll(arguments: &Arguments) -> Result<(), Failure> {
    let mut token = readers::find(arguments.reader.as_deref(), arguments.serial)?;
    attested_key::refuse_impossible(token.firmware(), arguments.algorithm)?;
    let puk = factory::refuse_factory_secrets(&mut token)?;
    let tries = pin::refuse_few_tries(&mut token)?;
    if !arguments.overwrite {
        slot::refuse_occupied(&mut token, arguments.slot)?;
    }
    let device_certificate = attested_key::device_certificate(&mut token)?;

    pin::ask_and_verify(&mut token, tries)?;
    management_key::authenticate(&mut token)?;

    let slot_certificate = attested_key::make(&mut token, arguments)?;
    Report::new(&token, arguments.slot, &slot_certificate, &device_certificate, puk).write()?;
    Ok(())
}
