//! What is found, written: for people, for programs, for Nagios. The mode is the first thing that each says.

use super::events::{DAYS, WouldRefuse};
use super::finding::{Finding, Findings, Severity, Unknown};
use super::mode::{Enabled, Mode};
use crate::exit::Exit;
use crate::output::{self, Paint};
use serde::Serialize;

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) host: String,
    pub(super) enabled: Enabled,
    pub(super) findings: Findings,
    pub(super) would_refuse: Option<Vec<WouldRefuse>>,
}

/// How wide a line for people is at least, and where the eye loses the next one.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=100;

impl Report {
    /// Findings that are more than notes are findings; without any, what is not known is never fine.
    pub(crate) fn exit(&self) -> Exit {
        if self.counts(Severity::Critical) > 0 || self.counts(Severity::Warning) > 0 {
            Exit::Findings
        } else if !self.findings.unknown.is_empty() {
            Exit::NotChecked
        } else {
            Exit::Fine
        }
    }

    fn counts(&self, severity: Severity) -> usize {
        self.findings.found.iter().filter(|finding| finding.severity == severity).count()
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'r> {
            schema: &'static str,
            version: &'static str,
            host: &'r str,
            mode: Mode,
            since: Option<String>,
            findings: &'r [Finding],
            unknown: &'r [Unknown],
            would_refuse: Option<&'r [WouldRefuse]>,
        }
        let document = Document {
            schema: "tom.doctor/1",
            version: env!("CARGO_PKG_VERSION"),
            host: &self.host,
            mode: self.enabled.mode,
            since: self.enabled.since.map(|since| since.to_string()),
            findings: &self.findings.found,
            unknown: &self.findings.unknown,
            would_refuse: self.would_refuse.as_deref(),
        };
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        format!("{text}\n")
    }

    /// One line for Nagios, and its exit code: the worst counts, and what is not known is worse than a warning.
    pub(crate) fn nagios(&self) -> (String, u8) {
        let (critical, warnings) = (self.counts(Severity::Critical), self.counts(Severity::Warning));
        let (notes, unknown) = (self.counts(Severity::Note), self.findings.unknown.len());
        let (word, code) = match (critical, unknown, warnings) {
            (1.., ..) => ("CRITICAL", 2),
            (0, 1.., _) => ("UNKNOWN", 3),
            (0, 0, 1..) => ("WARNING", 1),
            (0, 0, 0) => ("OK", 0),
        };
        let worst = self.findings.found.first().filter(|finding| finding.severity != Severity::Note);
        let what = match (worst, self.findings.unknown.first()) {
            (Some(worst), _) if code != 3 => format!("{} [{}]", worst.what, worst.id),
            (_, Some(unknown)) => format!("not known: {} [{}]", unknown.what, unknown.id),
            (Some(worst), None) => format!("{} [{}]", worst.what, worst.id),
            (None, None) => "nothing is wrong".to_owned(),
        };
        let mode = match self.enabled.mode {
            Mode::Enforce => "enforcing",
            Mode::Observe => "OBSERVING, nothing is refused",
            Mode::NotEnabled => "NOT ENABLED",
            Mode::Unknown => "mode unknown",
        };
        // A bar would begin the numbers.
        let text = output::plain(&format!("TOM {word}: {mode}; {what}")).replace('|', "/");
        let line = format!(
            "{text} | critical={critical};;0 warnings={warnings};0 notes={notes} unknown={unknown} enforcing={}\n",
            u8::from(self.enabled.mode == Mode::Enforce)
        );
        (line, code)
    }

    /// For people, in lines of at most this width.
    pub(crate) fn text(&self, paint: Paint, width: usize) -> String {
        let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
        let mode = self.enabled.mode.in_words();
        let mode = if self.enabled.mode == Mode::Enforce { paint.green(mode) } else { paint.red(mode) };
        let host = if self.host.is_empty() { "this host" } else { &self.host };
        let since = self.enabled.since.map(|since| format!(" (since {since})")).unwrap_or_default();
        let mut text = format!("{} {mode}{since}\n", paint.bold(&output::plain(&format!("{host}:"))));
        if let Some(would_refuse) = &self.would_refuse {
            text.push_str(&observed(would_refuse, paint));
        }
        for finding in &self.findings.found {
            text.push('\n');
            text.push_str(&self.finding(finding, paint, width));
        }
        for unknown in &self.findings.unknown {
            text.push_str(&format!("\n{} {}\n", paint.yellow("UNKNOWN "), paint.dim(unknown.id)));
            text.push_str(&indented("", &format!("Not known: {}", unknown.what), width));
            text.push_str(&indented("", &format!("because {}", unknown.why), width));
        }
        text.push('\n');
        text.push_str(&self.summary(paint));
        text
    }

    fn finding(&self, finding: &Finding, paint: Paint, width: usize) -> String {
        let word = match finding.severity {
            Severity::Critical => paint.red("CRITICAL"),
            Severity::Warning => paint.yellow("WARNING "),
            Severity::Note => paint.bold("NOTE    "),
        };
        let mut text = format!("{word} {}\n", paint.dim(finding.id));
        text.push_str(&indented("", &capital(&finding.what), width));
        if let Some(place) = &finding.place {
            text.push_str(&indented("at: ", place, width));
        }
        text.push_str(&indented("why: ", &finding.why, width));
        text.push_str(&indented("do: ", &finding.fix, width));
        text
    }

    fn summary(&self, paint: Paint) -> String {
        let counted = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts: Vec<String> = [
            counted(self.counts(Severity::Critical), "critical", "critical"),
            counted(self.counts(Severity::Warning), "warning", "warnings"),
            counted(self.counts(Severity::Note), "note", "notes"),
            counted(self.findings.unknown.len(), "unknown", "unknown"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            return format!("{}\n", paint.green("Nothing is wrong."));
        }
        format!("{}\n", paint.bold(&parts.join(", ")))
    }
}

fn observed(would_refuse: &[WouldRefuse], paint: Paint) -> String {
    let heading = paint.bold(&format!("What it would have refused within the last {DAYS} days"));
    if would_refuse.is_empty() {
        return format!("\n{heading}: nothing\n");
    }
    let head = ["TIMES", "ACCOUNT", "BY", "WHO", "FROM", "REASON"].map(|title| paint.dim(title)).to_vec();
    let mut rows = vec![head];
    for alike in would_refuse {
        let who = alike.person.as_ref().or(alike.invoker.as_ref()).map_or("?", String::as_str);
        let from = alike.from.as_deref().unwrap_or("the host itself");
        let cells = [&alike.count.to_string(), &alike.account, &alike.service, who, from, &alike.reason];
        rows.push(cells.map(output::plain).to_vec());
    }
    format!("\n{heading}\n\n{}", output::table(&rows))
}

fn capital(sentence: &str) -> String {
    // Names of accounts, files and settings stay as they are; what follows them begins no sentence either way.
    let mut characters = sentence.chars();
    let first_word = sentence.split(' ').next().unwrap_or_default();
    let is_word = ["the", "a", "no", "nobody", "something", "keys", "sudo", "somebody"].contains(&first_word);
    match characters.next() {
        Some(first) if is_word && first_word != "sudo" => first.to_uppercase().chain(characters).collect(),
        _ => sentence.to_owned(),
    }
}

/// A paragraph, nine columns in, broken at spaces. Words longer than a line are not broken: paths get copied.
fn indented(label: &str, text: &str, width: usize) -> String {
    const MARGIN: &str = "         ";
    let mut lines = vec![format!("{MARGIN}{label}")];
    let hanging = format!("{MARGIN}{}", " ".repeat(label.chars().count()));
    let mut is_first_word = true;
    for word in output::plain(text).split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let needed = line.chars().count().saturating_add(word.chars().count()).saturating_add(1);
        if is_first_word {
            line.push_str(word);
        } else if needed > width {
            lines.push(format!("{hanging}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
        is_first_word = false;
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Enabled, Finding, Findings, Mode, Report, indented};
    use crate::exit::Exit;

    fn report(mode: Mode, found: Vec<Finding>, unknown: bool) -> Report {
        let mut findings = Findings { found, unknown: Vec::new() };
        if unknown {
            findings.not_known("sudoers", "who may use sudo", "it cannot be read");
        }
        findings.sort();
        Report { host: "web1".to_owned(), enabled: Enabled { mode, since: None }, findings, would_refuse: None }
    }

    #[test]
    fn exit_codes_and_nagios() {
        let critical = || Finding::critical("a", "x");
        let warning = || Finding::warning("b", "x|y");
        let note = || Finding::note("c", "x");
        for (found, unknown, exit, code) in [
            (vec![], false, Exit::Fine, 0),
            (vec![note()], false, Exit::Fine, 0),
            (vec![], true, Exit::NotChecked, 3),
            (vec![note(), warning()], false, Exit::Findings, 1),
            (vec![warning()], true, Exit::Findings, 3),
            (vec![warning(), critical()], true, Exit::Findings, 2),
        ] {
            let report = report(Mode::Enforce, found, unknown);
            let (line, nagios) = report.nagios();
            assert_eq!((report.exit(), nagios), (exit, code), "{report:?}");
            assert_eq!((line.matches('|').count(), line.lines().count()), (1, 1), "{line}");
        }
    }

    #[test]
    fn observing_is_the_first_thing_said() {
        let report = report(Mode::Observe, Vec::new(), false);
        let paint = crate::output::Paint::for_stdout();
        assert!(report.text(paint, 80).starts_with("web1: OBSERVING: nothing is refused"));
        assert!(report.nagios().0.starts_with("TOM OK: OBSERVING, nothing is refused"));
        assert!(report.json().contains("\"mode\": \"observe\""));
    }

    #[test]
    fn lines_are_no_wider_than_the_terminal() {
        let text = indented("why: ", "one two three four five six seven eight nine ten eleven twelve", 40);
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("              "));
    }
}
