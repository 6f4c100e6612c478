//! The smallest program that the standard library makes: what tom-authorized-keys is measured against.

fn main() {}
