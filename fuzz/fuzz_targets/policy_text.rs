#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tom_fuzz::bodies::policy_text(data));
