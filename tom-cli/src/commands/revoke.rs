//! `tom revoke`.

use crate::arguments::RevokeOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &RevokeOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom revoke' is not built yet"))
}
