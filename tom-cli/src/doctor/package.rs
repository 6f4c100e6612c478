//! The package, as dpkg knows it.

use super::finding::{Finding, Findings};
use crate::inspection::command;
use std::time::Duration;

const DPKG_QUERY: &str = "/usr/bin/dpkg-query";
const DPKG: &str = "/usr/bin/dpkg";
const NAME: &str = "tom";
const LIMIT: Duration = Duration::from_secs(20);

/// Looks at its state, its version, its files.
pub(super) fn check(findings: &mut Findings) {
    let said = match command::run(DPKG_QUERY, &["-W", "-f", "${db:Status-Abbrev} ${Version}\n", NAME], LIMIT) {
        Ok(said) => said,
        // No dpkg, no package.
        Err(error) if error.is_missing() => return,
        Err(error) => return findings.not_known("package", "whether the package is installed whole", error),
    };
    // Nothing known of a package of this name: installed from elsewhere.
    let Some(state) = said.status.success().then(|| said.stdout.lines().next()).flatten() else { return };
    let found = judge(state, env!("CARGO_PKG_VERSION"));
    let whole = found.is_none();
    findings.add_all(found);
    if whole && state.trim_start().starts_with("ii") {
        match command::run(DPKG, &["--verify", NAME], LIMIT) {
            Ok(said) => findings.add_all(changed(&said.stdout)),
            Err(error) => findings.not_known("package-files", "whether the package's files are unchanged", error),
        }
    }
}

/// `ii  0.1.0-1`: desired, status, error; version.
fn judge(state: &str, ours: &str) -> Option<Finding> {
    let mut words = state.split_whitespace();
    let (abbreviation, version) = (words.next()?, words.next().unwrap_or_default());
    let mut letters = abbreviation.chars().skip(1);
    let (status, broken) = (letters.next()?, letters.next());
    let what = match (status, broken) {
        (_, Some('R')) => "the package tom has to be installed again",
        ('U' | 'F', _) => "the package tom is unpacked, but not configured",
        ('H', _) => "the package tom is installed in part",
        ('W' | 't', _) => "the package tom waits for triggers",
        ('i', _) => {
            let upstream = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
            let upstream = upstream.rsplit_once(':').map_or(upstream, |(_, upstream)| upstream);
            return (upstream.split(['~', '+']).next() != Some(ours)).then(|| {
                let what = format!("this program is version {ours}, and the package {version}");
                Finding::warning("version-differs", what)
                    .why("parts of tom that are not of one version may not understand each other")
                    .fix("install the package again; look for a second 'tom' with 'type -a tom'")
            });
        }
        _ => return None,
    };
    let finding = Finding::critical("package-state", what)
        .why("files of two versions may lie side by side, and what the package does when it is configured was not done")
        .fix("'dpkg --configure -a', then 'apt-get install -f'");
    Some(finding)
}

/// Lines such as `??5??????   /usr/bin/tom`; with a `c` before the path it is configuration.
fn changed(verify: &str) -> Vec<Finding> {
    let changed = verify.lines().filter_map(|line| {
        let (checks, rest) = line.split_once(' ')?;
        let path = rest.trim();
        let is_configuration = path.starts_with("c ");
        (!is_configuration && (checks.contains('5') || checks.starts_with("missing"))).then_some(path)
    });
    let finding = |path: &str| {
        Finding::critical("package-file-changed", format!("{path} is not the file of the package"))
            .why("what decides logins was exchanged, or damaged")
            .fix("find out by whom; install the package again")
            .at(path)
    };
    changed.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::{changed, judge};

    #[test]
    fn states_and_versions() {
        for (state, expected) in [
            ("ii  0.1.0-1", None),
            ("ii  0.1.0~bpo12+1-1", None),
            ("ii  0.2.0-1", Some("version-differs")),
            ("iU  0.1.0-1", Some("package-state")),
            ("iF  0.1.0-1", Some("package-state")),
            ("iHR 0.1.0-1", Some("package-state")),
            ("rc  0.1.0-1", None),
            ("un", None),
        ] {
            assert_eq!(judge(state, "0.1.0").map(|finding| finding.id), expected, "{state}");
        }
    }

    #[test]
    fn configuration_may_be_edited() {
        let text =
            "??5?????? c /etc/tom/host.toml\n??5??????   /usr/bin/tom\nmissing     /usr/lib/tom/tom-authorized-keys\n";
        let places: Vec<String> = changed(text).into_iter().filter_map(|finding| finding.place).collect();
        assert_eq!(places, ["/usr/bin/tom", "/usr/lib/tom/tom-authorized-keys"]);
    }
}
