//! PAM: is pam_tom asked by every service, in the right phases, and does its refusal stand?

use super::facts::{Facts, listed};
use super::finding::{Finding, Findings, Severity};
use super::mode::Mode;
use crate::change::pam_lines::modules;
use crate::inspection::pam::{self, Action, Answers, Control, Line, Phase, Service, Stack, success};
use libtom::policy::{self, EXEMPT_SERVICES};
use std::collections::BTreeMap;
use std::path::Path;

/// Our module's file.
const MODULE: &str = "pam_tom.so";
/// Its options.
const OBSERVE: &str = "observe";

/// Asks the stacks of all services.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let services = match pam::services() {
        Ok(services) => services,
        Err(error) if error.is_missing() => return,
        Err(error) => return findings.not_known("pam", "what the PAM stacks of this host are", error),
    };
    findings.add_all(faults(&services));
    match facts.enabled.mode {
        Mode::Enforce | Mode::Unknown => {
            let own = facts.policy.as_ref().map_or(&[][..], |policy| &policy.exempt_services);
            let is_exempt = |name: &str| EXEMPT_SERVICES.contains(&name) || own.iter().any(|exempt| exempt == name);
            findings.add_all(enforcing(&services, &is_exempt));
        }
        Mode::Observe => findings.add_all(observing(&services)),
        Mode::NotEnabled => findings.add_all(left_behind(&services)),
    }
    findings.add_all(missing_modules(&services, |path| Path::new(path).exists()));
}

fn is_ours(line: &Line) -> bool {
    line.module_name() == MODULE
}

fn observes(line: &Line) -> bool {
    is_ours(line) && line.arguments.iter().any(|argument| argument == OBSERVE)
}

/// All of our lines, of all services, each with its service.
fn our_lines(services: &[Service]) -> impl Iterator<Item = (&Service, Phase, &Line)> {
    services.iter().flat_map(|service| {
        Phase::ALL.into_iter().flat_map(move |phase| {
            service.stack(phase).lines.iter().filter(|line| is_ours(line)).map(move |line| (service, phase, line))
        })
    })
}

/// The phases in which a service has to ask us.
fn phases_of(service: &str) -> &'static [Phase] {
    match policy::Service::of_pam(service) {
        Some(policy::Service::Sshd) => &[Phase::Account, Phase::Session],
        Some(policy::Service::Login | policy::Service::Su | policy::Service::Sudo) => {
            &[Phase::Auth, Phase::Account, Phase::Session]
        }
        None => &[Phase::Account],
    }
}

/// A fault, and the services that have it: common files are shared.
type Shared = BTreeMap<(Severity, &'static str, String, Option<String>), Vec<String>>;

fn enforcing(services: &[Service], is_exempt: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut shared = Shared::new();
    for service in services.iter().filter(|service| !is_exempt(&service.name)) {
        for phase in phases_of(&service.name) {
            for fault in stack_faults(service.stack(*phase), *phase, &service.name) {
                shared.entry(fault).or_default().push(service.name.clone());
            }
        }
    }
    let mut findings: Vec<Finding> = shared
        .into_iter()
        .map(|((severity, id, what, place), services)| {
            let (why, fix) = advice(id);
            let what = format!("{what}: {}", listed(&services));
            let finding = match severity {
                Severity::Critical => Finding::critical(id, what),
                Severity::Warning => Finding::warning(id, what),
                Severity::Note => Finding::note(id, what),
            };
            let finding = finding.why(why).fix(fix);
            match place {
                Some(place) => finding.at(place),
                None => finding,
            }
        })
        .collect();
    findings.extend(one_for_all(places(services, &observes)).map(|places| {
        Finding::critical("pam-observe-line", "pam_tom only observes in some line, and this host is to enforce")
            .why("it refuses nothing there")
            .fix("'tom enable' writes the lines that enforce")
            .at(places)
    }));
    findings.extend(unknown_options(services));
    findings
}

fn advice(id: &str) -> (&'static str, &'static str) {
    const ENABLE: &str = "'tom enable' writes tom's lines anew";
    match id {
        "pam-bypass" => (
            "nobody is asked for person, token and address there",
            "let tom's line come before the line named, or make that line 'required'",
        ),
        "pam-refusal-not-final" => {
            ("what pam_tom refuses gets in all the same", "the control has to be the one that 'tom enable' writes")
        }
        "pam-shut" => (
            "everybody is refused there, administrators too",
            "look for a jump past the last line, and for a module that always fails",
        ),
        "pam-only-module" => (
            "pam_tom says nothing of ordinary users, and where nobody else says something, PAM refuses",
            "another module has to answer too, such as pam_unix in common-account",
        ),
        "pam-sudo-without-module" => {
            ("where sudoers says NOPASSWD, sudo asks nothing else that would stop it then", ENABLE)
        }
        "pam-service-without-tom" => (
            "a password is enough there for an administrator's account",
            "let the service's file include common-account, or exempt the service in the policy",
        ),
        _ => ("whoever is to be refused is not asked there", ENABLE),
    }
}

/// What is wrong with a stack that has to ask us.
fn stack_faults(stack: &Stack, phase: Phase, service: &str) -> Vec<(Severity, &'static str, String, Option<String>)> {
    let enforces = |line: &Line| is_ours(line) && !observes(line);
    let name = phase.name();
    let one_of_four = policy::Service::of_pam(service).is_some();
    let not_asked = |id: &'static str, what: String, place: Option<String>| {
        if one_of_four {
            (Severity::Critical, id, what, place)
        } else {
            let what = "pam_tom is not asked for a governed account by".to_owned();
            (Severity::Warning, "pam-service-without-tom", what, place)
        }
    };
    if !stack.lines.iter().any(enforces) {
        let id = match phase {
            Phase::Auth => "pam-auth-missing",
            Phase::Account => "pam-account-missing",
            Phase::Session | Phase::Password => "pam-session-missing",
        };
        return vec![not_asked(id, format!("no line of pam_tom in the {name} phase"), None)];
    }
    let mut faults = Vec::new();
    let refusal = if phase == Phase::Auth { "auth_err" } else { "perm_denied" };
    let answers = |ours: &'static str| {
        move |line: &Line| match line.module_name() {
            _ if enforces(line) => Answers::Only(ours),
            "pam_permit.so" => Answers::Only("success"),
            "pam_deny.so" => Answers::Only("auth_err"),
            // It is for root as the caller, whom tom does not ask either.
            "pam_rootok.so" => Answers::Only("auth_err"),
            _ => Answers::Any,
        }
    };
    if let Some(found) = success(stack, &answers(refusal), &enforces, &|asked| !asked) {
        let place = found.by.last().map(|line| line.place());
        let what = format!("the {name} phase can succeed without asking pam_tom");
        faults.push(not_asked("pam-bypass", what, place));
    }
    if let Some(found) = success(stack, &answers(refusal), &enforces, &|asked| asked) {
        let ours = stack.lines.iter().find(|line| enforces(line));
        // The line that undoes it, where it comes behind ours; else the control of our own.
        let behind = found.by.iter().rev().find(|line| ours.is_some_and(|ours| is_behind(stack, line, ours)));
        let undone = behind.copied().filter(|_| !control_lets_pass(stack, &enforces, refusal));
        let place = undone.or(ours).map(Line::place);
        let what = format!("a refusal of pam_tom in the {name} phase does not stand");
        faults.push((Severity::Critical, "pam-refusal-not-final", what, place));
    }
    let can = |ours| success(stack, &answers(ours), &enforces, &|_| true).is_some();
    if !can("success") {
        let place = stack.lines.iter().find(|line| enforces(line)).map(Line::place);
        let what = format!("the {name} phase never succeeds, whatever pam_tom answers");
        faults.push((Severity::Critical, "pam-shut", what, place));
    } else if !can("ignore") {
        let place = stack.lines.iter().find(|line| enforces(line)).map(Line::place);
        let what = format!("pam_tom is the only module that answers in the {name} phase");
        faults.push((Severity::Critical, "pam-only-module", what, place));
    }
    let is_sudo = policy::Service::of_pam(service) == Some(policy::Service::Sudo);
    if is_sudo && phase == Phase::Account && can("module_unknown") {
        let what = "the account phase succeeds where pam_tom.so is gone or cannot be loaded".to_owned();
        faults.push((Severity::Warning, "pam-sudo-without-module", what, None));
    }
    faults
}

fn is_behind(stack: &Stack, line: &Line, ours: &Line) -> bool {
    let at = |wanted: &Line| stack.lines.iter().position(|line| std::ptr::eq(line, wanted));
    at(line) > at(ours)
}

/// Whether our own line's control is one that does not refuse.
fn control_lets_pass(stack: &Stack, enforces: &dyn Fn(&Line) -> bool, refusal: &str) -> bool {
    let ours = stack.lines.iter().find(|line| enforces(line));
    ours.and_then(|line| line.control.as_ref()).is_some_and(|control| !refuses(control, refusal))
}

fn refuses(control: &Control, answer: &str) -> bool {
    matches!(control.on(answer), Action::Bad | Action::Die)
}

fn observing(services: &[Service]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(one_for_all(places(services, &|line| !observes(line))).map(|places| {
        Finding::critical("pam-enforcing-line", "pam_tom refuses in some line, and this host is only to observe")
            .why("administrators may be refused on a host of which everybody thinks that it refuses nobody")
            .fix("'tom enable --observe' writes the lines that observe")
            .at(places)
    }));
    for phase in [Phase::Account, Phase::Session] {
        let sshd = services.iter().find(|service| service.name == "sshd");
        if sshd.is_some_and(|sshd| !sshd.stack(phase).lines.iter().any(observes)) {
            let what = format!("the {} phase of sshd is not observed", phase.name());
            findings.push(
                Finding::warning("pam-observe-missing", what)
                    .why("that nothing would be refused there is not known")
                    .fix("'tom enable --observe' writes the lines anew"),
            );
        }
    }
    findings.extend(unknown_options(services));
    findings
}

/// Lines of ours on a host that is not enabled.
fn left_behind(services: &[Service]) -> Option<Finding> {
    one_for_all(places(services, &|_| true)).map(|places| {
        Finding::warning("pam-line-left", "lines of pam_tom are left in PAM, and this host is not enabled")
            .why("they decide logins, or stop them where the module is gone")
            .fix("'tom disable' takes them out, 'tom enable' makes use of them")
            .at(places)
    })
}

/// Where our lines of some kind stand, each place once.
fn places(services: &[Service], wanted: &dyn Fn(&Line) -> bool) -> Vec<String> {
    let mut places: Vec<String> =
        our_lines(services).filter(|(.., line)| wanted(line)).map(|(.., line)| line.place()).collect();
    places.sort();
    places.dedup();
    places
}

fn one_for_all(places: Vec<String>) -> Option<String> {
    (!places.is_empty()).then(|| places.join(", "))
}

fn unknown_options(services: &[Service]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = our_lines(services)
        .filter_map(|(.., line)| {
            let unknown = line.arguments.iter().find(|argument| *argument != OBSERVE)?;
            let finding = Finding::critical("pam-unknown-option", format!("pam_tom has no option '{unknown}'"))
                .why("it refuses everybody whom it governs: an option that is not understood is an error")
                .fix("take the option out; 'tom enable' writes the lines anew")
                .at(line.place());
            Some(finding)
        })
        .collect();
    findings.sort();
    findings.dedup();
    findings
}

fn faults(services: &[Service]) -> Vec<Finding> {
    let faults = services.iter().flat_map(|service| {
        service.faults.iter().map(|fault| {
            Finding::warning("pam-fault", format!("PAM cannot read the stack of {}: {fault}", service.name))
                .why("PAM refuses everybody there")
                .fix("put the file in order")
                .at(service.file.display().to_string())
        })
    });
    faults.collect()
}

/// Modules that are named and not there, where that counts as a failure.
fn missing_modules(services: &[Service], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for service in services {
        for line in Phase::ALL.into_iter().flat_map(|phase| &service.stack(phase).lines) {
            let path = if line.module.starts_with('/') {
                line.module.clone()
            } else {
                format!("{}/{}", modules(), line.module)
            };
            let short = path.replace("/usr/lib/", "/lib/");
            let fails = line.control.as_ref().is_none_or(|control| refuses(control, "module_unknown"));
            if fails && !line.module.is_empty() && !is_ours(line) && !exists(&path) && !exists(&short) {
                missing.entry(line.module.clone()).or_default().push(line.place());
            }
        }
    }
    let finding = |(module, places): (String, Vec<String>)| {
        Finding::warning("pam-module-missing", format!("the PAM module {module} is missing"))
            .why("PAM takes that for a failure, and refuses everybody there, also with a '-' in front")
            .fix("install the package that brings it, or take the line out")
            .at(places.first().cloned().unwrap_or_default())
    };
    missing.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests;
