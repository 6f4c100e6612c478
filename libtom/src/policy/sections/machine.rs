//! `[[machine]]`: jobs, the declared exception to "only with a token".

use super::super::entries::{Command, Machine, MachineAccess};
use super::super::problem::Problems;
use super::super::section::{Section, Text, is_invisible, printable};
use super::{Names, Once, grant, host, key, network, person, words};
use crate::glob;
use crate::network::NetworkSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const KEYS: [&str; 12] = [
    "id",
    "owner",
    "public",
    "accounts",
    "hosts",
    "classes",
    "from",
    "command",
    "unrestricted",
    "via",
    "reason",
    "until",
];

/// Programs that run whatever they are told: forced as a command they would force nothing. The names are those
/// of /etc/shells as Debian's packages fill it, and programs that start another.
const SHELLS: [&str; 37] = [
    "sh",
    "ash",
    "bash",
    "rbash",
    "dash",
    "zsh",
    "rzsh",
    "ksh",
    "ksh93",
    "rksh",
    "rksh93",
    "ksh2020",
    "mksh",
    "mksh-static",
    "lksh",
    "posh",
    "yash",
    "fish",
    "csh",
    "tcsh",
    "bsd-csh",
    "rc",
    "es",
    "sash",
    "elvish",
    "xonsh",
    "pwsh",
    "tmux",
    "screen",
    "bash-static",
    "zsh-static",
    "env",
    "busybox",
    "sudo",
    "doas",
    "su",
    "runuser",
];

pub(in super::super) fn machines(
    top: &Section<'_, '_>,
    networks: &[(String, NetworkSet)],
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Vec<Machine> {
    let mut machines = Vec::new();
    let mut ids = Once::default();
    for (table, span) in top.tables("machine", problems) {
        let start = span.start;
        let section = Section::open("[[machine]]", table, span, &KEYS, problems);
        let id = grant::id_once("machine", &section, &mut ids, problems);
        names.machines.insert(id.clone(), machines.len());
        let owner = section.required_text("owner", "\"anna\" (the person who answers for it)", problems);
        let owner = owner.and_then(|owner| person::one_named(&owner, names, problems));
        section.require("accounts", "[\"root\"]", problems);
        let accounts = section.list("accounts", "[\"root\"]", false, problems).unwrap_or_default();
        let reason = section.required_text("reason", "\"nightly pull backup\"", problems);
        if let Some(reason) = &reason {
            words::check("reason", reason, words::sentence, "write in a line why the job is needed", problems);
        }
        let access = if section.has("via") {
            by_sudo(&section, problems)
        } else {
            by_key(&id, &section, networks, names, problems)
        };
        let hosts = host::selector("this [[machine]]", &section, problems);
        let accounts = accounts.iter().map(|account| grant::account(account, problems)).collect();
        let until = section.day("until", problems);
        // Where one of these is missing a problem has been noted, and no policy comes of it.
        if let (Some(owner), Some(reason), Some(access)) = (owner, reason, access) {
            let (reason, position) = (reason.text, problems.position(start));
            machines.push(Machine { id, owner, access, accounts, hosts, reason, until, position });
        }
    }
    machines
}

fn by_sudo(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<MachineAccess> {
    for key in ["public", "from", "command", "unrestricted"] {
        if section.has(key) {
            let message = format!("this [[machine]] has both via and {key}");
            let advice =
                "write via for a job that uses sudo on the host, or public, from and command for one that logs in";
            problems.add(section.span(), message, advice);
        }
    }
    let via = section.list("via", "[\"nagios\"]", false, problems)?;
    Some(MachineAccess::Sudo { via: via.iter().map(|account| grant::account(account, problems)).collect() })
}

fn by_key(
    id: &str,
    section: &Section<'_, '_>,
    networks: &[(String, NetworkSet)],
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Option<MachineAccess> {
    let public = section.required_text(
        "public",
        "\"ssh-ed25519 AAAA…\" (or via = [\"nagios\"] for a job that uses sudo)",
        problems,
    );
    let public =
        public.and_then(|text| key::read_public(&text, &format!("machine '{}'", printable(id)), names, problems));
    section.require("from", "[\"backup\"]", problems);
    let from = section.list("from", "[\"backup\"]", false, problems);
    let from = from.map(|from| network::named(from, networks, names, problems));
    let command = read_command(section, problems);
    let (from_names, from) = from?;
    Some(MachineAccess::Login { public: public?, from_names, from, command: command? })
}

fn read_command(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Command> {
    let unrestricted = section.boolean("unrestricted", problems);
    let command = section.text("command", "\"/usr/bin/rrsync -ro /\"", problems);
    match (command, unrestricted) {
        (Some(command), Some((true, span))) => {
            let message = "this [[machine]] has a command and is unrestricted".to_string();
            problems.add(&span, message, "take one of the two out");
            Some(Command::Forced(command.text))
        }
        (Some(command), _) => {
            if let Some((fault, advice)) = command_fault(&command.text) {
                problems.add(&command.span, format!("the command '{}' {fault}", printable(&command.text)), advice);
            }
            Some(Command::Forced(command.text))
        }
        (None, Some((true, _))) => Some(Command::Unrestricted),
        (None, _) => {
            if !section.has("command") {
                let message = "this [[machine]] has neither a command nor unrestricted = true".to_string();
                problems.add(
                    section.span(),
                    message,
                    "write command = \"/usr/bin/rrsync -ro /\", or unrestricted = true, which every report shows",
                );
            }
            None
        }
    }
}

/// What is wrong with a forced command, and what to write instead. sshd hands it to the account's login
/// shell, so whatever that shell would take for the start of a word is taken for one here.
fn command_fault(command: &str) -> Option<(String, &'static str)> {
    if command.chars().any(is_invisible) {
        return Some(("holds control or invisible characters".to_string(), "write it in one plain line"));
    }
    if !command.starts_with('/') {
        return Some((
            "is no absolute path".to_string(),
            "write the whole path of the program, such as /usr/bin/rrsync -ro /",
        ));
    }
    if command.ends_with('\\') {
        return Some((
            "ends with a backslash, which sshd would read together with the closing quotation mark".to_string(),
            "take it out",
        ));
    }
    let unquoted = unquoted(command);
    let shell = words_of(command).chain(words_of(&unquoted)).find_map(shell_of)?;
    Some((
        format!("runs '{shell}', which runs anything"),
        "name the program itself; put a pipeline into a script that root owns",
    ))
}

/// The shell that a word names, or may name once the login shell has expanded it.
fn shell_of(word: &str) -> Option<&'static str> {
    let name = word.rsplit('/').find(|part| !part.is_empty() && *part != ".")?;
    let pattern: String = name.chars().map(|c| if c == '[' || c == ']' { '*' } else { c }).collect();
    SHELLS.into_iter().find(|shell| glob::matches(&pattern, shell))
}

/// The command with its words put together as the login shell does: `s\h`, `s'h'` and `s${X}h` are sh, and `[…]`
/// may be any letter.
fn unquoted(command: &str) -> String {
    let mut words = String::new();
    let mut end = None;
    for c in command.chars() {
        match (end, c) {
            (Some(last), _) => end = (c != last).then_some(last),
            (None, '[') => {
                words.push('*');
                end = Some(']');
            }
            (None, '{') if words.ends_with('$') => end = Some('}'),
            (None, '\\' | '"' | '\'') => {}
            (None, _) => words.push(c),
        }
    }
    words.replace('$', "")
}

fn words_of(command: &str) -> impl Iterator<Item = &str> {
    let separates = |c: char| c.is_whitespace() || "\"'`$;&|<>(){}=,\\".contains(c);
    command.split(separates).filter(|word| !word.is_empty())
}

/// The machine that an id means.
pub(super) fn one_named(id: &Text, names: &Names, problems: &mut Problems<'_>) -> Option<usize> {
    let machine = names.machines.get(&id.text).copied();
    if machine.is_none() {
        let message = format!("'{}' is no machine of this policy", printable(&id.text));
        problems.add(&id.span, message, "write the id of a [[machine]], or add one");
    }
    machine
}

#[cfg(test)]
mod tests {
    use super::command_fault;

    #[test]
    fn a_forced_command_forces_something() {
        for command in [
            "/usr/bin/rrsync -ro /",
            "/usr/bin/borg serve --restrict-to-path /srv/backup --append-only",
            "/usr/local/sbin/pull \"two words\"",
            "/usr/lib/openssh/sftp-server -R",
            "/usr/local/bin/pull \"$SSH_ORIGINAL_COMMAND\" ${HOME}/x",
        ] {
            assert_eq!(command_fault(command), None, "{command}");
        }
        for command in [
            "",
            "rsync --server",
            "./job",
            "/bin/sh",
            "/bin/bash -c x",
            "/usr/bin/env X=1 /usr/bin/job",
            "/usr/bin/busybox sh",
            "/usr/bin/job;sh",
            "/usr/bin/job $(bash)",
            "/usr/bin/job `bash`",
            "/usr/bin/job \"/bin/sh\"",
            "/usr/bin/nice /bin/zsh",
            "/usr/bin/job && sudo -i",
            "/usr/bin/job | su",
            "/usr/bin/job\nsh",
            "/usr/bin/job \\",
            "/usr/bin/job\u{202e}",
            "/usr/bin/ba\\sh sh",
            "/usr/bin/job SHELL=/bin/dash",
            "/bin/b*sh",
            "/usr/bin/nice /bin/ba?h",
            "/bin/das[h]",
            "/bin/sh/",
            "/bin/bash/.",
            "/bin/bash-static",
            "/usr/bin/doas x",
            "/usr/bin/job *",
            "/bin/s\\h",
            "/bin/s'h'",
            "/bin/b\"as\"h",
            "/bin/ba${X}sh",
            "/bin/ba$''sh",
            "/bin/[r-t]h",
        ] {
            assert!(command_fault(command).is_some(), "{command}");
        }
    }
}
