//! `tom rollback`.

use crate::arguments::RollbackOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &RollbackOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom rollback' is not built yet"))
}
