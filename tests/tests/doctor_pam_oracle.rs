//! Whether a refusal stands in a PAM stack: `tom doctor` computes it, Linux-PAM does it. Stacks made at random are put
//! to both, with a module in the place of pam_tom.so that always refuses, and with one that always agrees.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::fmt::Write as _;
use tom_tests::examined::{Examined, sound};
use tom_tests::{Host, on_each_release};

/// So many services are examined at once: reports name no more of them in one finding.
const AT_ONCE: usize = 6;

/// Numbers that look random, and are the same at each run of one seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }
}

const CONTROLS: [&str; 16] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=ok new_authtok_reqd=ok ignore=ignore module_unknown=ignore default=bad]",
    "[success=done ignore=ignore default=die]",
    "[success=1 default=ignore]",
    "[success=2 default=ignore]",
    "[success=3 default=bad]",
    "[success=ignore default=1]",
    "[success=ok default=reset]",
    "[success=reset default=bad]",
    "[default=die]",
    "[default=done]",
    "[success=bad default=ok]",
    "[default=ignore]",
];
const MODULES: [&str; 2] = ["pam_permit.so", "pam_deny.so"];

/// Some lines of the account phase, one of them ours.
fn stack(numbers: &mut Numbers, other: &str) -> String {
    let count = 1 + numbers.below(5);
    let ours = numbers.below(count);
    let mut text = String::new();
    for line in 0..count {
        let _ = match (line == ours, numbers.below(8)) {
            (true, _) => writeln!(text, "account {} pam_tom.so", numbers.one_of(&CONTROLS)),
            (false, 0) => writeln!(text, "account substack {other}"),
            (false, 1) => writeln!(text, "account include {other}"),
            (false, _) => writeln!(text, "account {} {}", numbers.one_of(&CONTROLS), numbers.one_of(&MODULES)),
        };
    }
    text
}

/// What is included: lines without ours.
fn part(numbers: &mut Numbers) -> String {
    let line = |numbers: &mut Numbers| {
        let control = numbers.one_of(&CONTROLS);
        format!("account {control} {}\n", numbers.one_of(&MODULES))
    };
    (0..=numbers.below(3)).map(|_| line(numbers)).collect()
}

fn names(examined: &Examined, ids: &[&str], service: &str) -> bool {
    let named = |what: &str| what.split([' ', ',', ':']).any(|word| word == service);
    examined
        .findings()
        .any(|finding| ids.iter().any(|id| finding["id"] == *id) && finding["what"].as_str().is_some_and(named))
}

/// Whether PAM lets anna pass, with this module in the place of ours.
fn passes(host: &Host, module: &str, services: &[String]) -> Vec<bool> {
    let mut script =
        format!("cd /usr/lib/*-linux-gnu/security; cp {module} pam_tom.so.new; mv pam_tom.so.new pam_tom.so\n");
    for service in services {
        let _ = writeln!(script, "pamtester {service} anna acct_mgmt >/dev/null 2>&1 && echo yes || echo no");
    }
    let answer = host.run(["sh", "-ec", &script]).expect_success().stdout;
    let answers: Vec<bool> = answer.lines().map(|line| line == "yes").collect();
    assert_eq!(answers.len(), services.len(), "{answer}");
    answers
}

on_each_release! {
    /// Both agree on every stack.
    fn refusals_stand_where_the_doctor_says(release) {
        let rounds = if std::env::var_os("TOM_CAMPAIGN").is_some() { 300 } else { 25 };
        let mut numbers = Numbers(0x746f_6d00 + rounds);
        let host = sound(release).start();
        let (mut passed, mut shut) = (0, 0);
        for _ in 0..rounds {
            let services: Vec<String> = (0..AT_ONCE).map(|index| format!("z{index}")).collect();
            let mut texts = Vec::new();
            for service in &services {
                let other = format!("common-{service}");
                let (whole, included) = (stack(&mut numbers, &other), part(&mut numbers));
                host.write(&format!("/etc/pam.d/{service}"), 0o644, &whole);
                host.write(&format!("/etc/pam.d/{other}"), 0o644, &included);
                texts.push(format!("{whole}-- {other}\n{included}"));
            }
            let examined = Examined::of(&host);
            let refused = passes(&host, "pam_deny.so", &services);
            let agreed = passes(&host, "pam_permit.so", &services);
            for (index, service) in services.iter().enumerate() {
                let context = || format!("{}\n{:?}", texts[index], examined.findings().map(|finding| format!("{} {}", finding["id"], finding["what"])).collect::<Vec<_>>());
                let said = names(&examined, &["pam-service-without-tom", "pam-refusal-not-final"], service);
                assert_eq!(said, refused[index], "passes although refused: {}", context());
                let said = names(&examined, &["pam-shut"], service);
                assert_eq!(said, !agreed[index], "never passes: {}", context());
                passed += usize::from(refused[index]);
                shut += usize::from(!agreed[index]);
            }
        }
        // Neither answer is always the same.
        let all = usize::try_from(rounds).expect("small") * AT_ONCE;
        assert!(passed > all / 20 && shut > all / 20 && passed < all && shut < all, "{passed} and {shut} of {all}");
    }
}
