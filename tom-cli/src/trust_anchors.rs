//! Trust anchors: those shipped with tom, the operator's own, and those that the active policy rests on.
//!
//! The order decides: what the operator says of a certificate counts over what was shipped, and an anchor that is
//! in use stays known when an upgrade no longer ships it, unless the operator distrusts it.

use crate::exit::Failure;
use crate::output;
use libtom::proof::{Assessments, Trust};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, ANCHORS};
use tom_host::{accounts, trusted_file};

/// Shipped with tom.
const SHIPPED: &str = "/usr/share/tom/trust";
/// The operator's own.
pub(crate) const OPERATORS: &str = "/etc/tom/trust";
/// Beside the shipped anchors: names of FIDO models.
const MODELS: &str = "fido-models.txt";

/// No file of anchors is larger.
const LARGEST: u64 = 1 << 20;

/// Reads all trust anchors. Files that root alone can write are read, whoever asks.
pub(crate) fn read() -> Result<Trust, Failure> {
    let mut trust = Trust::nobody();
    for directory in [SHIPPED, OPERATORS] {
        for name in pem_files(Path::new(directory))? {
            let path = Path::new(directory).join(&name);
            let content = trusted_file::read(&path, LARGEST).map_err(|error| {
                let error = output::plain(&error.to_string());
                Failure::not_checked(format!("the trust anchor {error}; root alone may be able to write it"))
            })?;
            let shown = output::plain(&path.display().to_string());
            trust.add_file(&shown, &content).map_err(|error| {
                Failure::not_checked(format!("the trust anchor {error}; correct the file, or take it away"))
            })?;
        }
    }
    if let Ok(names) = trusted_file::read(&Path::new(SHIPPED).join(MODELS), LARGEST) {
        trust.add_models(&String::from_utf8_lossy(&names));
    }
    keep_those_in_use(&mut trust)?;
    Ok(trust)
}

/// The anchors below the active policy. Whoever may not read them decides nothing by them.
fn keep_those_in_use(trust: &mut Trust) -> Result<(), Failure> {
    let content = match active_policy::read_from_active(ANCHORS) {
        Ok(content) if content.is_empty() => return Ok(()),
        Ok(content) => content,
        Err(error) if error.is_not_found() || accounts::real_uid() != 0 => return Ok(()),
        // Root can read it; going on without it could take keys away.
        Err(error) => return Err(Failure::not_checked(format!("the trust anchors in use cannot be read: {error}"))),
    };
    let mut in_use = Trust::nobody();
    let path = Path::new(ACTIVE_DIRECTORY).join(ANCHORS).display().to_string();
    if let Err(error) = in_use.add_file(&path, &content) {
        // 'tom apply' writes them anew, so damage must not stand in its way; what a key rests on is checked all the same.
        output::message(&format!("warning: the trust anchors in use are damaged: {error}"));
    }
    for anchor in in_use.anchors() {
        trust.keep(anchor.clone());
    }
    Ok(())
}

/// The anchors that proofs rest on, to be kept with the active policy. Not the operator's own: taking one of those
/// out of /etc/tom/trust is a decision, and takes effect with the next `tom apply`.
pub(crate) fn in_use(trust: &Trust, assessments: &Assessments) -> String {
    let used: BTreeSet<_> = assessments.iter().filter_map(|assessment| assessment.anchor).collect();
    let kept = trust.anchors().iter().filter(|anchor| used.contains(&anchor.digest));
    kept.filter(|anchor| !Path::new(&anchor.source).starts_with(OPERATORS)).map(libtom::proof::Anchor::to_pem).collect()
}

/// Names that end in .pem, however written, sorted; none where there is no such directory. A name that is no text
/// counts as well: its file may be the one that takes trust away.
fn pem_files(directory: &Path) -> Result<Vec<OsString>, Failure> {
    let failed = |error: std::io::Error| Failure::not_checked(format!("{}: {error}", directory.display()));
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if Path::new(&name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pem")) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
