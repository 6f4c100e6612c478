//! `tom refresh`.

use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run() -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom refresh' is not built yet"))
}
