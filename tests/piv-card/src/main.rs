//! `simulated-piv-card`: a PIV card in a virtual reader, until it is killed, pulled, or the reader goes.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use simulated_piv_card::{Card, Cipher, Firmware, FirstKey, Lie, ManagementKey, PinPolicy, Token, TouchPolicy, serve};

/// A PIV card in software behind pcscd's virtual reader. For tests alone: it keeps no secret.
#[derive(Parser)]
struct Arguments {
    /// Where vpcd waits on 127.0.0.1.
    #[arg(long, default_value_t = 0x8c7b)]
    port: u16,
    /// The serial number.
    #[arg(long, default_value_t = 11_223_344)]
    serial: u32,
    /// The firmware's version.
    #[arg(long, default_value = "5.7.1")]
    firmware: Firmware,
    /// The maker whose chain the attestations have.
    #[arg(long, default_value = "Simulated")]
    maker: String,
    /// The form factor in attestations.
    #[arg(long, default_value_t = 1)]
    form_factor: u8,
    /// Attest as a FIPS token.
    #[arg(long)]
    fips: bool,
    /// The PIN; the factory's if not given.
    #[arg(long, default_value = simulated_piv_card::FACTORY_PIN)]
    pin: String,
    /// The PUK; the factory's if not given.
    #[arg(long, default_value = simulated_piv_card::FACTORY_PUK)]
    puk: String,
    /// Tries before the PIN is blocked.
    #[arg(long, default_value_t = 3)]
    tries: u8,
    /// Tries before the PUK is blocked.
    #[arg(long, default_value_t = 3)]
    puk_tries: u8,
    /// The management key, such as aes192:0102…; the factory's if not given.
    #[arg(long, value_name = "CIPHER:HEX", value_parser = management)]
    management_key: Option<ManagementKey>,
    /// Keep the management key behind the PIN too.
    #[arg(long)]
    management_behind_pin: bool,
    /// A key that is there from the start: 9a, or 9a:always:never with PIN and touch policy.
    #[arg(long = "key", value_name = "SLOT[:PIN[:TOUCH]]", value_parser = first_key)]
    keys: Vec<FirstKey>,
    /// What the card does wrong; may be given several times.
    #[arg(long = "lie", value_enum)]
    lies: Vec<Lie>,
    /// Keep keys, objects and tries in this file.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Append what is done with the card to this file, a line each, without secrets.
    #[arg(long)]
    log: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "a program for tests")]
            {
                eprintln!("simulated-piv-card: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> io::Result<()> {
    let reader = TcpStream::connect((Ipv4Addr::LOCALHOST, arguments.port))?;
    let mut token = Token::new(Card {
        serial: arguments.serial,
        firmware: arguments.firmware,
        maker: arguments.maker,
        form_factor: arguments.form_factor,
        fips: arguments.fips,
        pin: arguments.pin,
        puk: arguments.puk,
        pin_tries: arguments.tries,
        puk_tries: arguments.puk_tries,
        management: arguments.management_key,
        management_behind_pin: arguments.management_behind_pin,
        keys: arguments.keys,
        lies: arguments.lies,
        state: arguments.state,
        log: arguments.log,
    })?;
    serve(reader, &mut token, || ())?;
    Ok(())
}

fn management(text: &str) -> Result<ManagementKey, String> {
    let (cipher, key) = text.split_once(':').ok_or("not CIPHER:HEX")?;
    let cipher = match cipher {
        "3des" => Cipher::TripleDes,
        "aes128" => Cipher::Aes128,
        "aes192" => Cipher::Aes192,
        "aes256" => Cipher::Aes256,
        _ => return Err(format!("{cipher} is none of 3des, aes128, aes192, aes256")),
    };
    let digits = key.as_bytes().chunks(2);
    let key: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    key.and_then(|key| ManagementKey::new(cipher, &key)).ok_or_else(|| "no key of this cipher's length".to_owned())
}

fn first_key(text: &str) -> Result<FirstKey, String> {
    let mut parts = text.split(':');
    let slot = parts.next().and_then(|slot| u8::from_str_radix(slot, 16).ok()).ok_or("no slot such as 9a")?;
    let pin = match parts.next() {
        None | Some("once") => PinPolicy::Once,
        Some("never") => PinPolicy::Never,
        Some("always") => PinPolicy::Always,
        Some(other) => return Err(format!("{other} is none of never, once, always")),
    };
    let touch = match parts.next() {
        None | Some("never") => TouchPolicy::Never,
        Some("always") => TouchPolicy::Always,
        Some("cached") => TouchPolicy::Cached,
        Some(other) => return Err(format!("{other} is none of never, always, cached")),
    };
    Ok(FirstKey { slot, pin, touch })
}
