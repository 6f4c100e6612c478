//! `tom-enroll-piv`.
fn main() {}
