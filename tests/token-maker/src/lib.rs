//! A maker of tokens with a chain of its own, honest or lying, for tests alone.
