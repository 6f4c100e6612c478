//! `tom doctor`: what is wrong with this host.

use crate::arguments::{DoctorOptions, ReportFormat};
use crate::doctor;
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use tom_host::accounts;

/// Examines the host and says what it finds.
pub(crate) fn run(options: &DoctorOptions) -> Result<Exit, Failure> {
    if accounts::effective_uid() != 0 {
        return Err(Failure::not_checked("'tom doctor' reads what root alone may read: run it as root"));
    }
    let report = doctor::examine();
    Ok(match (options.format, options.json) {
        (_, true) | (ReportFormat::Json, _) => {
            output::data(&report.json());
            report.exit()
        }
        (ReportFormat::Text, _) => {
            output::data(&report.text(Paint::for_stdout(), output::width()));
            report.exit()
        }
        (ReportFormat::Nagios, _) => {
            let (line, code) = report.nagios();
            output::data(&line);
            Exit::Nagios(code)
        }
    })
}
