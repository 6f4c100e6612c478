//! `tom explain`: why a login is allowed or denied, rule by rule, for somebody at three in the morning.

use crate::arguments::ExplainOptions;
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source::{self, PolicyRead};
use libtom::decision::{Candidate, Denial, Explanation, Groups, Key, Origin, Phase, Reason, Request, explain};
use libtom::host_policy::{HostFacts, HostPolicy};
use libtom::moment::Moment;
use libtom::policy::{Policy, Service, Verdict};
use std::borrow::Cow;
use tom_host::active_policy::{self, PolicyFault};
use tom_host::{accounts, clock};

/// Explains one question, once for each key that is asked about.
pub(crate) fn run(options: &ExplainOptions) -> Result<Exit, Failure> {
    let this_host = policy_source::this_host()?;
    let id = options.host.clone().unwrap_or_else(|| this_host.id.clone());
    let is_here = id.eq_ignore_ascii_case(&this_host.id);
    if is_here && options.policy.is_none() {
        // What logins get, with all that may be wrong with the active policy.
        return active_policy::with_policy(|policy, fault| {
            // What root would read is not what somebody else may.
            if let Some(fault) = fault.filter(|_| accounts::real_uid() != 0) {
                return Err(Failure::not_checked(format!("{fault}; run as root, or name a file with --policy FILE")));
            }
            let text = if fault.is_none() { policy_source::read(None).ok() } else { None };
            let facts = Facts::of_this_host(options, policy);
            let question = Question { options, id: &id, facts };
            question.answer(policy, text.as_ref(), fault)
        });
    }
    let text = policy_source::read(options.policy.as_deref())?;
    let policy = HostPolicy::resolve(&text.policy, HostFacts { id: &id, console: this_host.console });
    let question = Question { options, id: &id, facts: Facts::assumed(options) };
    question.answer(&policy, Some(&text), None)
}

/// What is known of the accounts.
struct Facts {
    uid: Option<u32>,
    groups: Option<Vec<String>>,
    invoker_uid: Option<u32>,
    invoker_groups: Option<Vec<String>>,
    told: String,
}

impl Facts {
    fn of_this_host(options: &ExplainOptions, policy: &HostPolicy<'_>) -> Self {
        let wanted: Vec<&str> = policy.admin_groups().collect();
        let look_up = |name: &str| {
            let account = accounts::look_up(name)?;
            let groups = accounts::groups_among(&account, &wanted)?;
            Ok::<_, accounts::LookupError>((account.uid, groups))
        };
        let mut facts = Self { uid: None, groups: None, invoker_uid: None, invoker_groups: None, told: String::new() };
        match look_up(&options.account) {
            Ok((uid, groups)) => {
                facts.told = format!("uid {uid}");
                if !groups.is_empty() {
                    facts.told.push_str(&format!(", in {}", groups.join(", ")));
                }
                (facts.uid, facts.groups) = (Some(uid), Some(groups));
            }
            Err(error) => facts.told = error.to_string(),
        }
        if let Some(Ok((uid, groups))) = options.invoker.as_deref().map(look_up) {
            (facts.invoker_uid, facts.invoker_groups) = (Some(uid), Some(groups));
        }
        facts
    }

    /// Of another host nothing is known but that root is root.
    fn assumed(options: &ExplainOptions) -> Self {
        let uid_of = |name: &str| (name == "root").then_some(0);
        Self {
            uid: uid_of(&options.account),
            groups: Some(Vec::new()),
            invoker_uid: options.invoker.as_deref().and_then(uid_of),
            invoker_groups: Some(Vec::new()),
            told: if options.account == "root" {
                "uid 0".to_owned()
            } else {
                "assumed to be in no admin group there".to_owned()
            },
        }
    }
}

struct Question<'q> {
    options: &'q ExplainOptions,
    id: &'q str,
    facts: Facts,
}

impl Question<'_> {
    fn answer(
        &self,
        policy: &HostPolicy<'_>,
        text: Option<&PolicyRead>,
        fault: Option<&PolicyFault>,
    ) -> Result<Exit, Failure> {
        let keys = self.keys(text.map(|text| &text.policy))?;
        let paint = Paint::for_stdout();
        let at = self.options.at.unwrap_or_else(|| Moment::from_unix(clock::now()).not_before(policy.applied()));
        let mut page = self.heading(at, paint);
        if let Some(fault) = fault {
            page.push_str(&format!("{}\n", paint.red(&fault.to_string())));
        }
        let mut any_in = false;
        for key in keys {
            let explanation = self.explain(policy, key, at);
            any_in |= explanation.decision.verdict() != Verdict::Deny;
            page.push('\n');
            page.push_str(&written(&explanation, text, paint));
        }
        output::data(&page);
        Ok(if any_in { Exit::Fine } else { Exit::Findings })
    }

    fn heading(&self, at: Moment, paint: Paint) -> String {
        let from = self.options.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
        let invoker =
            self.options.invoker.as_deref().map(|invoker| format!(", called by {invoker}")).unwrap_or_default();
        let asked = format!("{} by {} on {}{from}{invoker}", self.options.account, self.options.service, self.id);
        format!("{} ({}), at {at}\n", paint.bold(&asked), self.facts.told)
    }

    /// The keys to try: a file's, a person's, or none.
    fn keys(&self, text: Option<&Policy>) -> Result<Vec<Key<'static>>, Failure> {
        if let Some(file) = &self.options.key {
            let bytes = policy_source::read_bounded(file)?;
            let line = policy_source::text_of(file, bytes)?;
            return Ok(vec![Key::parse(line.lines().next().unwrap_or_default())]);
        }
        let Some(id) = &self.options.person else { return Ok(vec![Key::Missing]) };
        let text = text.ok_or_else(|| {
            Failure::not_checked("the active policy cannot be read, so nobody's keys are known; name a --key FILE")
        })?;
        let number = text.persons.iter().position(|person| person.id == *id);
        let number = number.ok_or_else(|| Failure::not_checked(format!("'{id}' is no person of the policy")))?;
        let keys: Vec<Key<'static>> =
            text.keys_of(number).map(|key| Key::Blob(Cow::Owned(key.public.blob().to_vec()))).collect();
        if keys.is_empty() {
            return Err(Failure::not_checked(format!("'{id}' has no key in the policy")));
        }
        Ok(keys)
    }

    fn explain<'p>(&self, policy: &'p HostPolicy<'p>, key: Key<'_>, at: Moment) -> Explanation<'p> {
        let groups = strs(self.facts.groups.as_ref());
        let invoker_groups = strs(self.facts.invoker_groups.as_ref());
        // Without a key the question is whether anybody gets in from there, which sshd asks before it knows the key.
        let is_ssh = Service::of_pam(&self.options.service) == Some(Service::Sshd);
        let phase = if key == Key::Missing && is_ssh { Phase::Account } else { Phase::Session };
        let request = Request {
            phase,
            service: &self.options.service,
            account: Some(&self.options.account),
            uid: self.facts.uid,
            groups: groups.as_deref().map_or(Groups::Unknown, Groups::Known),
            origin: Origin::parse(self.options.from.as_deref().unwrap_or_default()),
            key,
            at,
            invoker: self.options.invoker.as_deref(),
            invoker_uid: self.facts.invoker_uid,
            invoker_groups: invoker_groups.as_deref().map_or(Groups::Unknown, Groups::Known),
        };
        explain(policy, &request)
    }
}

fn strs(list: Option<&Vec<String>>) -> Option<Vec<&str>> {
    list.map(|list| list.iter().map(String::as_str).collect())
}

/// What the evidence of a key that rule 8 stopped lacks.
fn of_evidence(candidate: &Candidate, text: Option<&PolicyRead>) -> Option<String> {
    let denial =
        candidate.stopped_by.filter(|denial| matches!(denial, Denial::PinNotProven | Denial::FirmwareTooOld))?;
    let PolicyRead { policy, assessments } = text?;
    let assessment = assessments.of(candidate.key.as_ref()?)?;
    if let Some(reason) = &assessment.reason {
        return Some(format!("{reason}: {}", assessment.sentence));
    }
    let minimum = policy.minimum_firmware.filter(|_| denial == Denial::FirmwareTooOld)?;
    let firmware = assessment.facts.as_ref().and_then(|facts| facts.firmware);
    let found = firmware.map_or_else(|| "unknown".to_owned(), |firmware| firmware.to_string());
    Some(format!("firmware {found}, and the policy takes {minimum} or newer"))
}

/// An explanation as a page: rules passed, who was tried, the verdict, what to change.
fn written(explanation: &Explanation<'_>, text: Option<&PolicyRead>, paint: Paint) -> String {
    let mut page = String::new();
    let mut rows = Vec::new();
    for step in &explanation.steps {
        rows.push(vec![format!("  rule {}", step.rule), step.question.to_owned(), step.found.clone()]);
    }
    for candidate in &explanation.candidates {
        let outcome = match candidate.stopped_by {
            None => paint.green("passes rules 5 to 8"),
            Some(denial) => {
                let compared = match of_evidence(candidate, text).unwrap_or_else(|| candidate.compared.clone()) {
                    compared if compared.is_empty() => String::new(),
                    compared => format!(": {compared}"),
                };
                format!("{}{compared}", paint.red(&format!("rule {}, {}", denial.rule(), denial.name())))
            }
        };
        rows.push(vec!["  rules 5-8".to_owned(), candidate.who.clone(), outcome]);
    }
    page.push_str(&output::table(&rows));
    if !rows.is_empty() {
        page.push('\n');
    }
    let (verdict, rule) = match explanation.decision.reason() {
        Reason::Granted => (paint.green("ALLOWED"), "rule 9".to_owned()),
        Reason::Denied(denial) => (paint.red("DENIED"), format!("rule {}", denial.rule())),
        Reason::NotGoverned(_) => (paint.bold("NOT GOVERNED"), "rule 1".to_owned()),
    };
    let answer = explanation.decision.answer();
    let who = match (answer.person, answer.key_label, answer.machine) {
        (Some(person), Some(label), _) => format!(": {person}, key '{label}'"),
        (_, _, Some(machine)) => format!(": machine {machine}"),
        _ => String::new(),
    };
    page.push_str(&format!("{verdict} by {rule}, {}{who}\n", explanation.decision.reason().name()));
    page.push_str(&format!("  {}\n", explanation.meaning()));
    if !explanation.advice().is_empty() {
        page.push_str(&format!("  {} {}\n", paint.bold("What to do:"), explanation.advice()));
    }
    page
}
