#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tom_fuzz::proofs::fido_attestation(data));
