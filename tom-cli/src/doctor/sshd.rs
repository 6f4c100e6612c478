//! sshd: what it really does for governed accounts, in every sshd that runs here.

use super::facts::{Facts, listed};
use super::finding::{Finding, Findings};
use super::mode::Mode;
use super::processes::Process;
use crate::inspection::InspectionError;
use crate::inspection::sshd::{self, Configuration, Consequence, Daemon, Shortfall, Standing};
use std::collections::BTreeMap;
use std::path::Path;

/// Without these pam_tom is not asked, or not told the truth, and sees nothing to observe.
const NEEDED_TO_OBSERVE: [&str; 3] = ["usepam", "pamservicename", "usedns"];

/// Asks each sshd.
pub(super) fn check(facts: &Facts, processes: &[Process], findings: &mut Findings) {
    let accounts: Vec<String> = facts.governed_accounts().iter().map(|account| account.name.clone()).collect();
    let mut daemons = Vec::new();
    if Path::new(sshd::SSHD).exists() && Path::new(sshd::CONFIGURATION).exists() {
        daemons.push(Daemon::usual());
    }
    for daemon in processes.iter().filter_map(running) {
        if !daemons.contains(&daemon) {
            daemons.push(daemon);
        }
    }
    let root_is_granted = facts.named.iter().any(|name| name == "root");
    for daemon in &daemons {
        let found = Configuration::read(&daemon.configuration)
            .and_then(|configuration| Ok((sshd::standing(&configuration), sshd::inspect(daemon, &accounts)?)));
        match found {
            Ok((standing, mut inspection)) => {
                if facts.enabled.mode == Mode::Observe {
                    inspection.shortfalls.retain(|shortfall| NEEDED_TO_OBSERVE.contains(&shortfall.keyword));
                }
                findings.add_all(judge(daemon, root_is_granted, &standing, &inspection.shortfalls));
                for reason in inspection.not_asked {
                    findings.not_known("sshd-not-asked", "what sshd does for some kind of connection", reason);
                }
            }
            Err(error @ InspectionError::Failed { .. }) => findings.add(
                Finding::critical("sshd-configuration", format!("sshd does not take its configuration: {error}"))
                    .why("an sshd that is started with it does not come up, and nobody gets in any more")
                    .fix("put it in order; 'sshd -t' says when it is")
                    .at(daemon.configuration.display().to_string()),
            ),
            Err(error) => findings.not_known("sshd", "what sshd does for governed accounts", error),
        }
    }
}

/// The sshd behind a listening process: its title holds the command line (`sshd: /usr/sbin/sshd -D [listener] …`).
fn running(process: &Process) -> Option<Daemon> {
    if process.exe.file_name()? != "sshd" {
        return None;
    }
    let title = process.command_line.join(" ");
    let (command, _) = title.strip_prefix("sshd: ")?.split_once(" [listener]")?;
    let mut words = command.split_whitespace().skip(1);
    let mut daemon = Daemon { program: process.exe.clone(), ..Daemon::usual() };
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-').and_then(|rest| rest.chars().next()) else { continue };
        // The letters of options that take a value; it stands behind the letter or in the next word.
        if !"CEbcfgkhopu".contains(option) {
            continue;
        }
        let attached = word.get(2..).filter(|value| !value.is_empty());
        let value = attached.map_or_else(|| words.next().unwrap_or_default().to_owned(), str::to_owned);
        match option {
            'f' => daemon.configuration = value.into(),
            'o' | 'p' => daemon.options.extend([format!("-{option}"), value]),
            _ => {}
        }
    }
    Some(daemon)
}

/// What follows from what does not hold.
fn judge(daemon: &Daemon, root_is_granted: bool, standing: &Standing, shortfalls: &[Shortfall]) -> Vec<Finding> {
    let usual = *daemon == Daemon::usual();
    let which = if usual { String::new() } else { format!(" (in the sshd with {})", said(daemon)) };
    let mut findings = Vec::new();
    let mut rest: Vec<&Shortfall> =
        shortfalls.iter().filter(|shortfall| shortfall.keyword != "permitrootlogin" || root_is_granted).collect();
    // Where none of tom's lines count for an account, that is one thing that is wrong, not twelve.
    let mut uncovered: Vec<&str> = Vec::new();
    for account in each_account(&rest) {
        let breaks = |keyword: &str| {
            rest.iter().any(|shortfall| {
                shortfall.account == account && shortfall.keyword == keyword && shortfall.connection.is_empty()
            })
        };
        if ["authorizedkeyscommand", "authenticationmethods"].into_iter().all(breaks) {
            uncovered.push(account);
        }
    }
    rest.retain(|shortfall| !uncovered.contains(&shortfall.account.as_str()));
    if !uncovered.is_empty() {
        let names = listed(&uncovered);
        findings.push(if usual && (!standing.included || standing.within_block) {
            let how = if standing.included { "only within somebody else's Match block" } else { "not at all" };
            Finding::critical("sshd-drop-in", format!("sshd reads tom's lines {how}, so that none counts for {names}"))
                .why("keys, passwords and certificates that the policy does not know let administrators in")
                .fix(format!(
                    "sshd_config has to include {} before anything else; 'tom enable' writes it",
                    sshd::DROP_IN
                ))
                .at(sshd::CONFIGURATION)
        } else {
            let fix = if usual {
                "'tom enable' writes the Match lines for every governed account anew".to_owned()
            } else {
                format!("stop that sshd; or let its configuration include {} before anything else", sshd::DROP_IN)
            };
            Finding::critical("sshd-account-not-covered", format!("tom's lines do not count for {names}{which}"))
                .why("the policy governs the account, and sshd lets it in by other keys, and by password if it has one")
                .fix(fix)
                .at(daemon.configuration.display().to_string())
        });
    }
    // One finding for accounts alike.
    let mut alike: BTreeMap<(&str, &str, &str), Vec<&Shortfall>> = BTreeMap::new();
    for shortfall in rest {
        let key = (shortfall.keyword, shortfall.found.as_str(), shortfall.connection.as_str());
        alike.entry(key).or_default().push(shortfall);
    }
    findings.extend(alike.values().filter_map(|group| finding(group, &which)));
    findings
}

fn said(daemon: &Daemon) -> String {
    let mut words = vec![daemon.configuration.display().to_string()];
    words.extend(daemon.options.iter().cloned());
    words.join(" ")
}

fn each_account<'s>(shortfalls: &[&'s Shortfall]) -> Vec<&'s str> {
    let mut accounts: Vec<&str> = shortfalls.iter().map(|shortfall| shortfall.account.as_str()).collect();
    accounts.dedup();
    accounts
}

fn finding(group: &[&Shortfall], which: &str) -> Option<Finding> {
    let first = group.first()?;
    let known = KEYWORDS.iter().find(|known| known.keyword == first.keyword)?;
    let accounts: Vec<&str> = group.iter().map(|shortfall| shortfall.account.as_str()).collect();
    let connection = if first.connection.is_empty() { String::new() } else { format!(" {}", first.connection) };
    let (keyword, found, expected) = (known.name, &first.found, &first.expected);
    let what = format!("{keyword} is '{found}' for {}{connection}{which}", listed(&accounts));
    let finding = match first.consequence {
        Consequence::WayIn | Consequence::LockOut => Finding::critical(known.id, what),
        Consequence::Weaker => Finding::warning(known.id, what),
    };
    let fix = match &first.place {
        Some(_) => format!("it has to be '{expected}': take the line out that wins over tom's, or let it come after"),
        None => format!("it has to be '{expected}': 'tom enable' writes tom's lines anew"),
    };
    let finding = finding.why(known.why).fix(fix);
    Some(match &first.place {
        Some(place) => finding.at(place),
        None => finding,
    })
}

struct Keyword {
    keyword: &'static str,
    name: &'static str,
    id: &'static str,
    why: &'static str,
}

const fn keyword(keyword: &'static str, name: &'static str, id: &'static str, why: &'static str) -> Keyword {
    Keyword { keyword, name, id, why }
}

const SHUT: &str = "administrators whom the policy lets in are refused";

const KEYWORDS: [Keyword; 25] = [
    keyword(
        "usepam",
        "UsePAM",
        "sshd-use-pam",
        "pam_tom is not asked: address, token and revocation are checked by sshd's line alone",
    ),
    keyword(
        "pamservicename",
        "PAMServiceName",
        "sshd-pam-service-name",
        "another PAM stack is asked, under a name for which the policy has no grants",
    ),
    keyword("usedns", "UseDNS", "sshd-use-dns", "whoever runs the DNS of an address decides what sshd takes it for"),
    keyword(
        "authorizedkeyscommand",
        "AuthorizedKeysCommand",
        "sshd-authorized-keys-command",
        "keys do not come from the policy",
    ),
    keyword(
        "authorizedkeyscommanduser",
        "AuthorizedKeysCommandUser",
        "sshd-authorized-keys-command-user",
        "tom-authorized-keys can read the policy as _tom, and should be able to do nothing else",
    ),
    keyword(
        "authorizedkeysfile",
        "AuthorizedKeysFile",
        "sshd-authorized-keys-file",
        "a key in a file wins over the policy: it is asked first",
    ),
    keyword(
        "trustedusercakeys",
        "TrustedUserCAKeys",
        "sshd-trusted-user-ca-keys",
        "whoever holds the authority's key makes administrators, past the policy",
    ),
    keyword(
        "authenticationmethods",
        "AuthenticationMethods",
        "sshd-authentication-methods",
        "something else than a key of the policy may be enough",
    ),
    keyword("pubkeyauthentication", "PubkeyAuthentication", "sshd-pubkey-authentication", SHUT),
    keyword(
        "passwordauthentication",
        "PasswordAuthentication",
        "sshd-password-authentication",
        "a password is a way in, or would be by the next change of AuthenticationMethods",
    ),
    keyword(
        "kbdinteractiveauthentication",
        "KbdInteractiveAuthentication",
        "sshd-kbd-interactive-authentication",
        "a password is a way in, or would be by the next change of AuthenticationMethods",
    ),
    keyword(
        "gssapiauthentication",
        "GSSAPIAuthentication",
        "sshd-gssapi-authentication",
        "a Kerberos ticket is a way in, or would be by the next change of AuthenticationMethods",
    ),
    keyword(
        "hostbasedauthentication",
        "HostbasedAuthentication",
        "sshd-hostbased-authentication",
        "another host's word is a way in, or would be by the next change of AuthenticationMethods",
    ),
    keyword(
        "pubkeyauthoptions",
        "PubkeyAuthOptions",
        "sshd-pubkey-auth-options",
        "that the token's PIN was entered is demanded in the key's line alone",
    ),
    keyword(
        "permituserenvironment",
        "PermitUserEnvironment",
        "sshd-permit-user-environment",
        "a file beside the account sets variables (LD_PRELOAD) before the administrator's shell starts",
    ),
    keyword("forcecommand", "ForceCommand", "sshd-force-command", "administrators get this command instead of a shell"),
    keyword("chrootdirectory", "ChrootDirectory", "sshd-chroot-directory", "administrators are shut in a directory"),
    keyword("refuseconnection", "RefuseConnection", "sshd-refuse-connection", SHUT),
    keyword("permittty", "PermitTTY", "sshd-permit-tty", "administrators get no terminal"),
    keyword(
        "pubkeyacceptedalgorithms",
        "PubkeyAcceptedAlgorithms",
        "sshd-pubkey-accepted-algorithms",
        "keys of tokens are refused",
    ),
    keyword(
        "permitrootlogin",
        "PermitRootLogin",
        "sshd-permit-root-login",
        "the policy grants root, and sshd refuses it",
    ),
    keyword("allowusers", "AllowUsers", "sshd-allow-users", SHUT),
    keyword("allowgroups", "AllowGroups", "sshd-allow-groups", SHUT),
    keyword("denyusers", "DenyUsers", "sshd-deny-users", SHUT),
    keyword("denygroups", "DenyGroups", "sshd-deny-groups", SHUT),
];

#[cfg(test)]
mod tests {
    use super::{Daemon, Process, judge, running};
    use crate::inspection::sshd::{Consequence, Shortfall, Standing};

    fn shortfall(account: &str, keyword: &'static str) -> Shortfall {
        Shortfall {
            account: account.to_owned(),
            keyword,
            expected: "none".to_owned(),
            found: "x".to_owned(),
            connection: String::new(),
            place: None,
            consequence: Consequence::WayIn,
        }
    }

    #[test]
    fn an_account_without_any_of_our_lines_is_one_finding() {
        let all: Vec<Shortfall> = ["authorizedkeyscommand", "authorizedkeysfile", "authenticationmethods", "usepam"]
            .into_iter()
            .map(|keyword| shortfall("toor", keyword))
            .chain([shortfall("root", "usepam"), shortfall("anna", "usepam")])
            .collect();
        let standing = Standing { included: true, ..Standing::default() };
        let found = judge(&Daemon::usual(), true, &standing, &all);
        let ids: Vec<&str> = found.iter().map(|finding| finding.id).collect();
        assert_eq!(ids, ["sshd-account-not-covered", "sshd-use-pam"]);
        assert!(found[1].what.contains("root and anna"), "{found:?}");
        assert_eq!(judge(&Daemon::usual(), true, &Standing::default(), &all)[0].id, "sshd-drop-in");
    }

    #[test]
    fn permit_root_login_matters_where_root_is_granted() {
        let all = [shortfall("root", "permitrootlogin")];
        let standing = Standing { included: true, ..Standing::default() };
        assert_eq!(judge(&Daemon::usual(), false, &standing, &all).len(), 0);
        assert_eq!(judge(&Daemon::usual(), true, &standing, &all).len(), 1);
    }

    #[test]
    fn the_command_line_of_a_listening_sshd() {
        let process = |title: &str| Process {
            pid: 7,
            name: "sshd".to_owned(),
            exe: "/usr/sbin/sshd".into(),
            command_line: vec![title.to_owned()],
        };
        let daemon =
            running(&process("sshd: /usr/sbin/sshd -D -f /etc/x -oUsePAM=no -p 2222 [listener] 0 of 10")).unwrap();
        assert_eq!(daemon.configuration.to_str(), Some("/etc/x"));
        assert_eq!(daemon.options, ["-o", "UsePAM=no", "-p", "2222"]);
        assert_eq!(running(&process("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")), Some(Daemon::usual()));
        assert_eq!(running(&process("sshd: root@pts/0")), None);
    }
}
