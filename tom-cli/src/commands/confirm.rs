//! `tom confirm`.

use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run() -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom confirm' is not built yet"))
}
