//! The C interface of OpenSSH's `sk-api.h`, version 0x000a0000 (OpenSSH 8.9 to 10.x).
//!
//! What is returned is made with `malloc`, since OpenSSH releases it with `free`.

#![allow(unsafe_code, reason = "a C interface: this is the crate's only file with unsafe code")]

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use ring::rand::{SecureRandom, SystemRandom};

use crate::behaviour::Behaviour;
use crate::enrolment;
use crate::handle::{Algorithm, KeyHandle};
use crate::token::{self, TokenError};

const API_VERSION: u32 = 0x000a_0000;

/// `struct sk_enroll_response`
#[repr(C)]
pub(crate) struct EnrollResponse {
    flags: u8,
    public_key: *mut u8,
    public_key_len: usize,
    key_handle: *mut u8,
    key_handle_len: usize,
    signature: *mut u8,
    signature_len: usize,
    attestation_cert: *mut u8,
    attestation_cert_len: usize,
    authdata: *mut u8,
    authdata_len: usize,
}

/// `struct sk_sign_response`
#[repr(C)]
pub(crate) struct SignResponse {
    flags: u8,
    counter: u32,
    sig_r: *mut u8,
    sig_r_len: usize,
    sig_s: *mut u8,
    sig_s_len: usize,
}

/// The version of the interface; OpenSSH refuses a library of another one.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn sk_api_version() -> u32 {
    API_VERSION
}

/// Makes a key, as `ssh-keygen -t ed25519-sk` and `-t ecdsa-sk` ask for it.
///
/// # Safety
/// Called by OpenSSH with the arguments that `sk-api.h` describes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sk_enroll(
    algorithm: u32,
    challenge: *const u8,
    challenge_len: usize,
    application: *const c_char,
    flags: u8,
    pin: *const c_char,
    _options: *mut *mut std::ffi::c_void,
    response: *mut *mut EnrollResponse,
) -> c_int {
    // SAFETY: `application` is a C string that lives during the call, says sk-api.h.
    let application = unsafe { text(application) };
    // SAFETY: `pin` is null or a C string that lives during the call, says sk-api.h.
    let pin = unsafe { text(pin) };
    // SAFETY: `challenge` has `challenge_len` bytes, says sk-api.h.
    let challenge = unsafe { bytes(challenge, challenge_len) };
    let (Some(algorithm), Some(application)) = (Algorithm::from_number(algorithm), application) else {
        return TokenError::Unsupported as c_int;
    };
    let mut seed = [0; 32];
    if SystemRandom::new().fill(&mut seed).is_err() {
        return TokenError::General as c_int;
    }
    let handle = KeyHandle::new(algorithm, seed, application);
    let behaviour = Behaviour::from_environment();
    let enrolment = match enrolment::enrol(&behaviour, &handle, application, challenge, flags, pin) {
        Ok(enrolment) => enrolment,
        Err(error) => return error as c_int,
    };
    let (public_key, public_key_len) = allocated(&enrolment.public_key);
    let (key_handle, key_handle_len) = allocated(&handle.to_bytes());
    let (signature, signature_len) = allocated(&enrolment.signature);
    let (attestation_cert, attestation_cert_len) = allocated(&enrolment.certificate);
    let (authdata, authdata_len) = allocated(&enrolment.auth_data);
    let made = EnrollResponse {
        flags,
        public_key,
        public_key_len,
        key_handle,
        key_handle_len,
        signature,
        signature_len,
        attestation_cert,
        attestation_cert_len,
        authdata,
        authdata_len,
    };
    // SAFETY: `response` points to a place for one pointer, says sk-api.h.
    unsafe { hand_over(made, response) }
}

/// Signs, as `ssh` asks for it in each login.
///
/// # Safety
/// Called by OpenSSH with the arguments that `sk-api.h` describes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sk_sign(
    algorithm: u32,
    data: *const u8,
    data_len: usize,
    application: *const c_char,
    key_handle: *const u8,
    key_handle_len: usize,
    flags: u8,
    pin: *const c_char,
    _options: *mut *mut std::ffi::c_void,
    response: *mut *mut SignResponse,
) -> c_int {
    // SAFETY: `application` is a C string that lives during the call, says sk-api.h.
    let application = unsafe { text(application) };
    // SAFETY: `pin` is null or a C string that lives during the call, says sk-api.h.
    let pin = unsafe { text(pin) };
    // SAFETY: `data` has `data_len` bytes, says sk-api.h.
    let data = unsafe { bytes(data, data_len) };
    // SAFETY: `key_handle` has `key_handle_len` bytes, says sk-api.h.
    let handle = KeyHandle::from_bytes(unsafe { bytes(key_handle, key_handle_len) });

    let (Some(application), Some(handle)) = (application, handle) else {
        return TokenError::NotThisToken as c_int;
    };
    if Algorithm::from_number(algorithm) != Some(handle.algorithm) {
        return TokenError::Unsupported as c_int;
    }
    let behaviour = Behaviour::from_environment();
    let signature = match token::sign(&behaviour, &handle, application, data, flags, pin) {
        Ok(signature) => signature,
        Err(error) => return error as c_int,
    };
    let (sig_r, sig_r_len) = allocated(&signature.r);
    let (sig_s, sig_s_len) = allocated(&signature.s);
    let made = SignResponse { flags: signature.flags, counter: signature.counter, sig_r, sig_r_len, sig_s, sig_s_len };
    // SAFETY: `response` points to a place for one pointer, says sk-api.h.
    unsafe { hand_over(made, response) }
}

/// A token without memory holds no resident keys.
///
/// # Safety
/// Called by OpenSSH with the arguments that `sk-api.h` describes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sk_load_resident_keys(
    _pin: *const c_char,
    _options: *mut *mut std::ffi::c_void,
    _keys: *mut *mut *mut std::ffi::c_void,
    _count: *mut usize,
) -> c_int {
    TokenError::Unsupported as c_int
}

/// The text at `pointer`, `None` if it is null or not UTF-8.
///
/// # Safety
/// `pointer` is null or a C string that lives for `'a`.
unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, hence a C string, says the caller.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

/// The bytes at `pointer`.
///
/// # Safety
/// `pointer` is null or has `length` bytes that live for `'a`.
unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: not null, hence `length` bytes, says the caller.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

/// A copy that OpenSSH may `free`; null for nothing and when memory is out.
fn allocated(bytes: &[u8]) -> (*mut u8, usize) {
    if bytes.is_empty() {
        return (ptr::null_mut(), 0);
    }
    // SAFETY: malloc may be called with any length.
    let copy = unsafe { libc::malloc(bytes.len()) }.cast::<u8>();
    if copy.is_null() {
        return (copy, 0);
    }
    // SAFETY: `copy` was made just now with room for `bytes.len()` bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
    (copy, bytes.len())
}

/// Puts `made` where OpenSSH may `free` it and tells it where.
///
/// # Safety
/// `place` points to room for one pointer.
unsafe fn hand_over<T>(made: T, place: *mut *mut T) -> c_int {
    // SAFETY: malloc may be called with any length.
    let response = unsafe { libc::malloc(size_of::<T>()) }.cast::<T>();
    if response.is_null() || place.is_null() {
        return TokenError::General as c_int;
    }
    // SAFETY: `response` was made just now with room for a T; malloc aligns for every type.
    unsafe { response.write(made) };
    // SAFETY: room for one pointer, says the caller.
    unsafe { place.write(response) };
    0
}
