#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tom_fuzz::bodies::ssh_signature(data));
