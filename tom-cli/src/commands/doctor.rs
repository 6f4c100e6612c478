//! `tom doctor`.

use crate::arguments::DoctorOptions;
use crate::exit::{Exit, Failure};

/// Not built yet.
pub(crate) fn run(_options: &DoctorOptions) -> Result<Exit, Failure> {
    Err(Failure::not_checked("'tom doctor' is not built yet"))
}
