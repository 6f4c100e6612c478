//! `tom rehearse`.

use crate::arguments::RehearseOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &RehearseOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom rehearse' is not built yet"))
}
