//! `tom disable`.

use crate::arguments::DisableOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &DisableOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom disable' is not built yet"))
}
