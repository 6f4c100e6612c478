//! What logins are decided by: the active policy, what stands in when it cannot be used, and who is left.

use super::facts::Facts;
use super::finding::{Finding, Findings};
use crate::policy_source::CANDIDATE;
use libtom::decision::{Decision, Groups, Key, Phase, Request, decide};
use libtom::host_policy::{ConsoleRule, HostPolicy, stored};
use libtom::moment::Moment;
use libtom::policy::{Policy, Service};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, FALLBACK, LARGEST_POLICY, RESOLVED, SOURCE};
use tom_host::trusted_file;

/// A plain list of whom the policy governs.
const GOVERNED: &str = "/etc/tom/governed";
/// Where a command that is killed leaves what was to become something else; the next one takes it away.
const WORKPLACES: [&str; 5] =
    ["/var/lib/tom", "/var/lib/tom/rollback", "/etc/tom", "/etc/ssh/sshd_config.d", "/etc/pam.d"];
const DAY: i64 = 86_400;
/// So long before its end a policy is warned of.
const WARNED_AHEAD: i64 = 30;

/// Looks at all of it.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let resolved = active_policy::read_from_active(RESOLVED);
    let source = active_policy::read_from_active(SOURCE);
    match &resolved {
        Ok(bytes) => match stored::decode(bytes) {
            Ok((policy, made_from)) => {
                let policy = policy.with_revoked(active_policy::revoked().unwrap_or_default());
                findings.add_all(active(facts, &policy));
                findings.add_all(way_in(facts, &policy));
                if source.as_ref().map_or(true, |text| stored::digest(text) != made_from) {
                    findings.add(
                        Finding::warning(
                            "policy-text",
                            "the text of the active policy is not the one that logins go by",
                        )
                        .why("'tom access' and 'tom explain' show something else than what counts")
                        .fix("'tom apply'")
                        .at(format!("{ACTIVE_DIRECTORY}/{SOURCE}")),
                    );
                }
            }
            Err(error) => findings.add(unusable(format!("the active policy is damaged: {error}")).at(ACTIVE_DIRECTORY)),
        },
        Err(error) if error.is_not_found() => {
            findings.add(unusable("there is no active policy".to_owned()).at(ACTIVE_DIRECTORY))
        }
        Err(error) => findings.add(unusable(format!("the active policy cannot be used: {error}")).at(ACTIVE_DIRECTORY)),
    }
    if let Err(error) = active_policy::revoked() {
        findings.add(
            unusable(format!("the list of revoked keys cannot be used: {error}"))
                .fix("put the file in order by hand: whose key a damaged line was, nobody else knows")
                .at("/var/lib/tom/revoked"),
        );
    }
    if resolved.is_ok() {
        findings.add_all(stand_ins());
        findings.add_all(candidate(source.ok().as_deref()));
    }
    findings.add_all(left_behind(WORKPLACES.into_iter().flat_map(names_in)));
}

fn names_in(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path().display().to_string()).collect()
}

fn left_behind(paths: impl Iterator<Item = String>) -> Option<Finding> {
    let is_ours = |path: &String| {
        path.starts_with("/var/lib/tom/") || path.starts_with("/etc/tom/") || path.contains("/10-tom.conf")
    };
    let is_left = |path: &String| {
        [".new", ".returning", "/outdated", "/rehearsal"].iter().any(|ending| path.ends_with(ending)) && is_ours(path)
    };
    let left: Vec<String> = paths.filter(is_left).collect();
    (!left.is_empty()).then(|| {
        Finding::warning("left-behind", "something is left of a command of tom that was stopped in the middle")
            .why("nothing depends on it; but nobody knows what was meant to become active")
            .fix("give the command again: 'tom apply', 'tom enable'")
            .at(left.join(", "))
    })
}

fn unusable(what: String) -> Finding {
    Finding::critical("policy-unusable", what)
        .why("only break-glass keys let anybody in, and no machine")
        .fix("'tom apply' makes the candidate active; 'tom rollback' the policy before")
}

/// Of a policy that can be read.
fn active(facts: &Facts, policy: &HostPolicy<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.host.is_empty() && policy.host() != facts.host {
        let what = format!("the active policy was made for {}, and this host is {}", policy.host(), facts.host);
        findings.push(
            Finding::critical("policy-of-another-host", what)
                .why("logins are decided by the grants of another host")
                .fix("set id in /etc/tom/host.toml right, then 'tom apply'")
                .at(ACTIVE_DIRECTORY),
        );
    }
    let Some(text) = &facts.policy else { return findings };
    if let Some(expires) = text.expires {
        let left = expires.as_unix().saturating_sub(facts.now.as_unix());
        if left <= 0 {
            findings.push(unusable(format!("the policy expired at {expires}")).at(ACTIVE_DIRECTORY));
        } else if left <= DAY.saturating_mul(WARNED_AHEAD) {
            let what = format!("the policy expires in {} days, at {expires}", left.div_euclid(DAY));
            findings.push(
                Finding::warning("policy-expires-soon", what)
                    .why("from then on only break-glass keys let anybody in")
                    .fix("a policy with a later 'expires' and a higher serial, then 'tom apply'")
                    .at(ACTIVE_DIRECTORY),
            );
        }
    }
    // As it would be decided if the policy could not be used.
    let left = policy.clone().unsound();
    if !text.keys.iter().any(|key| key.break_glass) {
        findings.push(
            break_glass("no key is marked break-glass = true", "enrol a spare token, mark it, seal it and put it away")
                .at(CANDIDATE),
        );
    } else if offers(text, &left, facts.now).is_empty() {
        findings.push(
            break_glass(
                "no break-glass key would let anybody in on this host",
                "see 'tom access': is it expired, revoked, not granted here, without proof of its PIN?",
            )
            .at(ACTIVE_DIRECTORY),
        );
    }
    if facts.console == ConsoleRule::Password {
        findings.push(
            Finding::note("break-glass-console", "while the policy cannot be used, the console is opened by password")
                .why("/etc/tom/host.toml says so; whoever can damage the policy and sits at the console needs no token")
                .fix("console = \"token\", if a break-glass token is at hand")
                .at("/etc/tom/host.toml"),
        );
    }
    findings
}

fn break_glass(what: &str, fix: &str) -> Finding {
    Finding::warning("break-glass-missing", what)
        .why("when the policy is damaged or expired, nobody gets in by SSH")
        .fix(fix)
}

/// Who gets in by SSH under it.
fn way_in(facts: &Facts, policy: &HostPolicy<'_>) -> Vec<Finding> {
    let Some(text) = &facts.policy else { return Vec::new() };
    let persons = who_gets_in(text, policy, facts.now);
    let only = persons.iter().next().map_or("", |person| person.as_str());
    let finding = match persons.len() {
        0 => Finding::critical("nobody-gets-in", "no person gets in by SSH under the active policy"),
        1 => Finding::warning(
            "one-person-gets-in",
            format!("{only} is the only person who gets in by SSH under the active policy"),
        ),
        _ => return Vec::new(),
    };
    let finding = finding
        .why("one lost token, and the host is reached at its console alone")
        .fix("'tom access' shows who has what; enrol a second person")
        .at(ACTIVE_DIRECTORY);
    vec![finding]
}

/// Persons one of whose keys sshd would be given for an account, now.
fn who_gets_in<'p>(text: &'p Policy, policy: &HostPolicy<'_>, now: Moment) -> BTreeSet<&'p String> {
    let keys = offers(text, policy, now).into_iter();
    keys.filter_map(|(key, _)| text.persons.get(key.person).map(|person| &person.id)).collect()
}

/// Keys that are accepted now, each with an account.
pub(super) fn offers<'p, 'a>(
    text: &'p Policy,
    policy: &'a HostPolicy<'_>,
    now: Moment,
) -> Vec<(&'p libtom::policy::Key, &'a str)> {
    let account_for = |key: &libtom::policy::Key| {
        policy.governed_accounts().iter().copied().find(|account| {
            let request = Request {
                account: Some(*account),
                groups: Groups::Known(&[]),
                key: Key::Blob(Cow::Borrowed(key.public.blob())),
                ..Request::new(Phase::Offer, Service::Sshd.name(), now)
            };
            matches!(decide(policy, &request), Decision::Allow(_))
        })
    };
    text.keys.iter().filter_map(|key| Some((key, account_for(key)?))).collect()
}

/// What is read when the active policy cannot be.
fn stand_ins() -> Vec<Finding> {
    let mut findings = Vec::new();
    let fallback = trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY).map_err(|error| error.to_string());
    if let Err(error) = fallback.and_then(|bytes| stored::decode(&bytes).map(|_| ()).map_err(|error| error.to_string()))
    {
        findings.push(
            Finding::warning("fallback", format!("what stands in for a damaged policy cannot be used: {error}"))
                .why("if the active policy is damaged, no break-glass key gets in")
                .fix("'tom apply' writes it anew")
                .at(FALLBACK),
        );
    }
    if let Err(error) = trusted_file::read(Path::new(GOVERNED), LARGEST_POLICY) {
        findings.push(
            Finding::warning("governed-list", format!("the list of governed accounts cannot be used: {error}"))
                .why("if /var is lost, accounts that are administrators by name alone become ordinary ones")
                .fix("'tom apply' writes it anew")
                .at(GOVERNED),
        );
    }
    findings
}

/// The candidate, beside what is active.
fn candidate(active: Option<&[u8]>) -> Option<Finding> {
    let (candidate, active) = (fs::read(CANDIDATE).ok()?, active?);
    let finding = Finding::note("candidate-differs", "the candidate is not the active policy")
        .why("what was written in it does not count yet")
        .fix("'tom policy diff' shows what would change; 'tom apply' makes it active")
        .at(CANDIDATE);
    (candidate != active).then_some(finding)
}
