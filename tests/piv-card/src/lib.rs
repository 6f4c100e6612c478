//! A PIV card in software, for tests alone.
