//! The decision: one request, one answer, with the rule that made it.
//!
//! [`decide`] and [`explain`] are the same rules; `explain` keeps a record of each step. The order of
//! the rules is that of interfaces.md, "The order of rules".

mod explanation;
mod reason;
mod request;
mod rules;
mod verdict;

pub use explanation::{Candidate, Explanation, Step};
pub use reason::{Denial, Exemption, Reason};
pub use request::{Groups, Key, Origin, Phase, Request};
pub use rules::{decide, explain, needs_groups};
pub use verdict::{Allow, Answer, Decision, Obligations, Principal};
