//! What people read: at most 100 columns, colour on a terminal unless NO_COLOR is set (no-color.org).

use crate::attempt::Seen;
use crate::company::Company;
use crate::logins::{Row, Section};
use crate::wrap;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tom_tests::Host;

/// The widths of all columns but the last.
const WIDTHS: [usize; 4] = [27, 14, 10, 17];
const WIDTH: usize = 100;

const INTRODUCTION: &str = "\
Real logins with the distribution's own ssh, sshd and PAM; only the hardware of the tokens is
simulated. The policy is examples/policy.toml: three administrators, an office, a home, a backup
job, and a customer with a root host.

Installed for it: the Debian packages that `make build` named above, and a Debian 12 and a Debian 13
below target/roots, made once by mmdebstrap (about 20 s each). Each host of the demo is a private
namespace over one of these and goes with it: this machine's /etc, users and sshd stay as they are.
";

/// Standard output.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    colour: bool,
}

impl Page {
    pub(crate) fn for_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colour: wanted && std::io::stdout().is_terminal() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn introduction(self) {
        println!("{}\n\n{INTRODUCTION}", self.paint("1", "tom: who may log in as an administrator"));
    }

    pub(crate) fn company(self, companies: &[Company; 2]) {
        let sshds = companies.each_ref().map(|company| format!("{} (Debian {})", company.sshd, number(company)));
        println!("Each login runs on both {}.", sshds.join(" and "));
        println!("SSHD is what they did, TOM the reason: from its journal, or from `tom decide` where tom left it to");
        println!("sshd by the options of the key's line (from=, verify-required).");
    }

    pub(crate) fn heading(self, text: &str) {
        println!("\n{}\n", self.paint("1", text));
    }

    pub(crate) fn section(self, section: &Section) {
        self.heading(section.title);
        let head = cells(["WHO", "FROM", "ONTO", "SSHD"]).concat() + "TOM";
        println!("{}", self.paint("2", &head));
    }

    /// Prints a login; returns how many of the outcomes were not expected.
    pub(crate) fn row(self, row: &Row, seen: &[Seen; 2], met: impl Fn(&Row, &Seen) -> bool) -> usize {
        let onto = format!("{}@{}", row.account, row.host);
        self.line(row.who, row.from, &onto, &seen[0]);
        let differ = seen[0].outcome != seen[1].outcome || seen[0].reason != seen[1].reason;
        if differ {
            self.line("  the other sshd:", "", "", &seen[1]);
        }
        let wrong = seen.iter().filter(|seen| !met(row, seen)).count();
        if wrong > 0 {
            let expected = format!("  NOT AS EXPECTED: {}; {}", row.expected.words(), row.reason);
            println!("{}", self.paint("31;1", &expected));
        }
        wrong
    }

    fn line(self, who: &str, from: &str, onto: &str, seen: &Seen) {
        let [who, from, onto, did] = cells([who, from, onto, seen.outcome.words()]);
        let colour = if seen.outcome.is_in() { "32" } else { "31" };
        let said = match seen.reason.starts_with("BREAK-GLASS") {
            true => self.paint("33;1", &seen.reason),
            false => seen.reason.clone(),
        };
        println!("{who}{from}{onto}{}{said}", self.paint(colour, &did));
        // Whoever watches sees each login when it happens, also through a pipe.
        let _ = std::io::stdout().flush();
    }

    /// Runs tom on a host, as an administrator there would, and shows both.
    pub(crate) fn command(self, host: &Host, words: &[&str]) {
        println!("{} tom {}", self.paint("2", "#"), words.join(" "));
        let output = host.run(["tom"].iter().chain(words));
        print!("{}{}", wrap::within(WIDTH, &output.stdout), output.stderr);
    }

    pub(crate) fn summary(self, count: usize, unexpected: usize, duration: Duration) {
        let seconds = duration.as_secs_f64();
        println!();
        if unexpected == 0 {
            let text = format!("{count} logins, each as expected, in {seconds:.0} s.");
            println!("{} The hosts and all that they held are gone.", self.paint("32;1", &text));
        } else {
            let text = format!("{unexpected} of {count} logins were not as expected.");
            println!("{}", self.paint("31;1", &text));
        }
    }
}

fn number(company: &Company) -> u8 {
    match company.release {
        tom_tests::Release::Bookworm => 12,
        tom_tests::Release::Trixie => 13,
    }
}

fn cells(texts: [&str; 4]) -> [String; 4] {
    let mut widths = WIDTHS.into_iter();
    texts.map(|text| format!("{text:<width$}  ", width = widths.next().unwrap_or(WIDTH)))
}
