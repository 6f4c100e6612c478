//! What sshd really does for governed accounts.
//!
//! What: sshd itself is asked (`sshd -T -C …`) for each account and for each kind of connection that the `Match` lines
//! of its configuration can tell apart; what it answers is held against what tom needs. Why: a file that sorts before
//! ours, a block for one address, an option of the command line win over ours, and no reading of one file shows it.
//! What must never happen: that a kind of connection which was not asked for counts as fine.

mod configuration;
mod connection;
mod demand;
mod pattern;

pub(crate) use configuration::{Configuration, Setting};

use super::{InspectionError, command};
use connection::Connection;
use demand::{Account, Effective};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tom_host::accounts::Database;

/// The configuration that sshd reads if nothing else is said.
pub(crate) const CONFIGURATION: &str = "/etc/ssh/sshd_config";
/// tom's own lines.
pub(crate) const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-tom.conf";
/// The distribution's sshd.
pub(crate) const SSHD: &str = "/usr/sbin/sshd";
/// sshd answers in a hundredth of a second.
const LIMIT: Duration = Duration::from_secs(10);
/// How often sshd is asked at most; a usual host needs one to twenty.
const MOST_QUESTIONS: usize = 600;

/// What follows where a setting is not as demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Consequence {
    /// Somebody gets in, or may get in, past the policy.
    WayIn,
    /// Administrators do not get in. For `permitrootlogin` only where somebody is granted root by sshd.
    LockOut,
    /// Something holds less well.
    Weaker,
}

/// What is demanded of sshd for a governed account and does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    pub(crate) account: String,
    /// In lower case, as `sshd -T` has it.
    pub(crate) keyword: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
    /// For which connection, such as "from 192.0.2.1 to port 2222"; empty: for any.
    pub(crate) connection: String,
    /// `file:line` of the line that wins, where it could be found; sshd's default has none.
    pub(crate) place: Option<String>,
    pub(crate) consequence: Consequence,
}

/// An sshd to ask: the program and what its command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) program: PathBuf,
    pub(crate) configuration: PathBuf,
    /// Options that win over the configuration: `-o`, `-p`, each with its value.
    pub(crate) options: Vec<String>,
}

impl Daemon {
    /// The distribution's, with its usual configuration.
    pub(crate) fn usual() -> Self {
        Self { program: SSHD.into(), configuration: CONFIGURATION.into(), options: Vec::new() }
    }
}

/// What was found of an sshd.
#[derive(Clone, Debug, Default)]
pub(crate) struct SshdInspection {
    pub(crate) shortfalls: Vec<Shortfall>,
    /// What could not be asked, in words: of this it is not known whether it holds.
    pub(crate) not_asked: Vec<String>,
    /// How often sshd was asked.
    pub(crate) questions: usize,
}

/// What does not hold for these accounts in the usual sshd. It is an error if not everything could be asked.
#[allow(dead_code, reason = "tom enable asks this")]
pub(crate) fn shortfalls(accounts: &[String]) -> Result<Vec<Shortfall>, InspectionError> {
    let inspection = inspect(&Daemon::usual(), accounts)?;
    match inspection.not_asked.first() {
        Some(_) => Err(InspectionError::NotAsked(inspection.not_asked.join("; "))),
        None => Ok(inspection.shortfalls),
    }
}

/// The algorithms of signatures that the usual sshd takes for an account (PubkeyAcceptedAlgorithms).
pub(crate) fn accepted_algorithms(account: &str) -> Result<Vec<String>, InspectionError> {
    let effective = demand::read(&ask(&Daemon::usual(), account, &connection::usual())?);
    let values = effective.get("pubkeyacceptedalgorithms").into_iter().flatten();
    Ok(values.flat_map(|value| value.split(',')).map(str::to_owned).collect())
}

/// What does not hold for these accounts in an sshd.
pub(crate) fn inspect(daemon: &Daemon, accounts: &[String]) -> Result<SshdInspection, InspectionError> {
    let configuration = Configuration::read(&daemon.configuration)?;
    let database = Database::read_all().map_err(|error| InspectionError::NotAsked(error.to_string()))?;
    let accounts: Vec<Account> = accounts.iter().map(|name| known(&database, name)).collect();
    let general = demand::read(&ask(daemon, "root", &connection::usual())?);
    let ports = ports_of(&general);
    let names = general.get("usedns").is_none_or(|values| values.iter().any(|value| value != "no"));
    let connections = connection::representatives(&configuration, &ports, names);

    let mut inspection = SshdInspection { questions: 1, ..SshdInspection::default() };
    inspection.not_asked = connections
        .unknown
        .iter()
        .map(|pattern| format!("no connection was found that fits the pattern {pattern:?} of a Match line"))
        .collect();
    for alike in alike(&configuration, accounts) {
        let mut found: Vec<(Shortfall, usize)> = Vec::new();
        let mut asked = 0_usize;
        for (connection, words) in &connections.all {
            if inspection.questions >= MOST_QUESTIONS {
                let names: Vec<&str> = alike.iter().map(|account| account.name.as_str()).collect();
                inspection.not_asked.push(format!(
                    "sshd was asked {MOST_QUESTIONS} times, and not for {} and every kind of connection that its Match \
                     lines tell apart",
                    names.join(", ")
                ));
                break;
            }
            let Some(first) = alike.first() else { break };
            let effective = demand::read(&ask(daemon, &first.name, connection)?);
            inspection.questions = inspection.questions.saturating_add(1);
            asked = asked.saturating_add(1);
            for account in &alike {
                for broken in demand::broken(&effective, account, &connection.host, connection.address) {
                    let shortfall = Shortfall {
                        account: account.name.clone(),
                        keyword: broken.keyword,
                        expected: broken.expected.to_owned(),
                        place: place(&configuration, account, connection, broken.keyword, &broken.found),
                        found: broken.found,
                        connection: words.clone(),
                        consequence: broken.consequence,
                    };
                    add(&mut found, shortfall);
                }
            }
        }
        inspection.shortfalls.extend(found.into_iter().map(|(shortfall, times)| in_words(shortfall, times, asked)));
    }
    Ok(inspection)
}

/// The same for another connection is counted, not repeated.
fn add(found: &mut Vec<(Shortfall, usize)>, shortfall: Shortfall) {
    let same = |known: &Shortfall| {
        (&known.account, known.keyword, &known.expected, &known.found)
            == (&shortfall.account, shortfall.keyword, &shortfall.expected, &shortfall.found)
    };
    match found.iter_mut().find(|(known, _)| same(known)) {
        Some((_, times)) => *times = times.saturating_add(1),
        None => found.push((shortfall, 1)),
    }
}

fn in_words(mut shortfall: Shortfall, times: usize, asked: usize) -> Shortfall {
    if times == asked {
        shortfall.connection.clear();
    } else if times > 1 && !shortfall.connection.is_empty() {
        let others = times.saturating_sub(1);
        let kinds = if others == 1 { "1 other kind" } else { &format!("{others} other kinds") };
        shortfall.connection.push_str(&format!(" (and {kinds} of connection)"));
    }
    shortfall
}

/// What sshd says for an account and a connection. All is named: it answers nothing where a `Match` line asks for what
/// is not.
fn ask(daemon: &Daemon, user: &str, connection: &Connection) -> Result<String, InspectionError> {
    let file = daemon.configuration.to_string_lossy();
    let mut arguments = vec!["-T", "-f", &file];
    arguments.extend(daemon.options.iter().map(String::as_str));
    let Connection { host, address, local_address, local_port, routing_domain } = connection;
    let domain = routing_domain.as_deref().unwrap_or_default();
    let specification =
        format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port},rdomain={domain}");
    arguments.extend(["-C", &specification]);
    command::stdout_of(&daemon.program.to_string_lossy(), &arguments, LIMIT)
}

/// Where sshd listens.
fn ports_of(general: &Effective) -> Vec<u16> {
    let addresses = general.get("listenaddress").into_iter().flatten();
    let mut ports: Vec<u16> = addresses.filter_map(|address| address.rsplit_once(':')?.1.parse().ok()).collect();
    ports.extend(general.get("port").into_iter().flatten().filter_map(|port| port.parse::<u16>().ok()));
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn known(database: &Database, name: &str) -> Account {
    let entry = database.accounts.iter().find(|account| account.name == name);
    let belongs = |group: &&tom_host::accounts::Group| {
        entry.is_some_and(|account| account.gid == group.gid) || group.members.iter().any(|member| member == name)
    };
    Account {
        name: name.to_owned(),
        is_uid_0: entry.is_some_and(|account| account.uid == 0),
        groups: database.groups.iter().filter(belongs).map(|group| group.name.clone()).collect(),
    }
}

/// Accounts that no `Match User` and no `Match Group` tells apart, together.
fn alike(configuration: &Configuration, accounts: Vec<Account>) -> Vec<Vec<Account>> {
    let kind = |account: &Account| -> Vec<bool> {
        let by_name = configuration.patterns_of("user").map(|user| pattern::glob(positive(user), &account.name));
        let by_group = configuration
            .patterns_of("group")
            .map(|group| account.groups.iter().any(|own| pattern::glob(positive(group), own)));
        by_name.chain(by_group).collect()
    };
    let mut all: Vec<(Vec<bool>, Vec<Account>)> = Vec::new();
    for account in accounts {
        let of = kind(&account);
        match all.iter_mut().find(|(known, _)| *known == of) {
            Some((_, together)) => together.push(account),
            None => all.push((of, vec![account])),
        }
    }
    all.into_iter().map(|(_, together)| together).collect()
}

fn positive(pattern: &str) -> &str {
    pattern.strip_prefix('!').unwrap_or(pattern)
}

/// The line that a value comes from: the first that counts for the connection and says it.
fn place(
    configuration: &Configuration,
    account: &Account,
    connection: &Connection,
    keyword: &str,
    found: &str,
) -> Option<String> {
    let counts = |setting: &&Setting| {
        setting.keyword == keyword && setting.conditions.iter().all(|condition| applies(condition, account, connection))
    };
    let line = configuration.settings.iter().find(counts)?;
    // A default that stands for a word (without-password for prohibit-password) is no reason to doubt the line; a
    // line that says what sshd does not do is none that wins.
    let said = line.arguments.join(" ");
    let lists =
        matches!(keyword, "allowusers" | "denyusers" | "allowgroups" | "denygroups" | "pubkeyacceptedalgorithms");
    (lists || said.eq_ignore_ascii_case(found) || keyword == "permitrootlogin").then(|| line.place())
}

fn applies(condition: &configuration::Condition, account: &Account, connection: &Connection) -> bool {
    let fits: &dyn Fn(&str) -> bool = match condition.criterion.as_str() {
        "all" => return true,
        "user" => &|pattern| pattern::glob(pattern, &account.name),
        "group" => &|pattern| account.groups.iter().any(|group| pattern::glob(pattern, group)),
        "host" => &|pattern| pattern::glob(pattern, &connection.host),
        "address" => &|pattern| pattern::address(pattern, &connection.address.to_string()),
        "localaddress" => &|pattern| pattern::address(pattern, &connection.local_address.to_string()),
        "localport" => &|pattern| pattern::glob(pattern, &connection.local_port.to_string()),
        "rdomain" => &|pattern| connection.routing_domain.as_ref().is_some_and(|domain| pattern::glob(pattern, domain)),
        _ => return false,
    };
    pattern::list(&condition.patterns, fits)
}

/// Where tom's own lines stand among the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// sshd reads them at all.
    pub(crate) included: bool,
    /// They are read only within somebody else's `Match` block.
    pub(crate) within_block: bool,
}

/// Where tom's lines stand in a configuration.
pub(crate) fn standing(configuration: &Configuration) -> Standing {
    let ours = |setting: &Setting| setting.file == Path::new(DROP_IN);
    let first = configuration.settings.iter().position(ours);
    Standing {
        included: configuration.files.iter().any(|file| file == Path::new(DROP_IN)),
        within_block: first
            .and_then(|index| configuration.settings.get(index))
            .is_some_and(|setting| !setting.conditions.is_empty()),
    }
}
