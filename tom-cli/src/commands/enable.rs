//! `tom enable`.

use crate::arguments::EnableOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &EnableOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom enable' is not built yet"))
}
