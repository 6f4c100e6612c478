//! Other daemons that let people in: what PAM is not asked for, tom cannot refuse.

use super::finding::{Finding, Findings};
use super::processes::{Process, ports_of};
use std::collections::BTreeMap;

/// How a daemon asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// PAM, where tom refuses governed accounts in the account phase; pam.rs looks at its stack.
    Pam,
    /// PAM or passwords of its own, as it is configured.
    Either,
    /// It does not ask PAM.
    Itself,
    /// PAM, and everything goes over the network in the clear.
    InTheClear,
}

/// By the name of the process or of its program.
const DAEMONS: [(&str, &str, Asks); 28] = [
    ("dropbear", "Dropbear, a second SSH server", Asks::Itself),
    ("telnetd", "a telnet server", Asks::InTheClear),
    ("in.telnetd", "a telnet server", Asks::InTheClear),
    ("utelnetd", "a telnet server", Asks::InTheClear),
    ("rlogind", "a server for rlogin", Asks::InTheClear),
    ("in.rlogind", "a server for rlogin", Asks::InTheClear),
    ("rshd", "a server for rsh", Asks::InTheClear),
    ("in.rshd", "a server for rsh", Asks::InTheClear),
    ("rexecd", "a server for rexec", Asks::InTheClear),
    ("ftpd", "an FTP server", Asks::InTheClear),
    ("in.ftpd", "an FTP server", Asks::InTheClear),
    ("vsftpd", "the FTP server vsftpd", Asks::InTheClear),
    ("proftpd", "the FTP server ProFTPD", Asks::Either),
    ("pure-ftpd", "the FTP server Pure-FTPd", Asks::Either),
    ("miniserv.pl", "Webmin", Asks::Either),
    ("webmin", "Webmin", Asks::Either),
    ("usermin", "Usermin", Asks::Either),
    ("ajenti-panel", "Ajenti", Asks::Either),
    ("shellinaboxd", "Shell In A Box", Asks::Either),
    ("ttyd", "ttyd, a terminal in the browser", Asks::Itself),
    ("gotty", "GoTTY, a terminal in the browser", Asks::Itself),
    ("x11vnc", "x11vnc, somebody's screen", Asks::Itself),
    ("Xvnc", "a VNC server", Asks::Itself),
    ("Xtigervnc", "a VNC server", Asks::Itself),
    ("teleport", "Teleport, a second SSH server", Asks::Itself),
    ("xrdp-sesman", "xrdp", Asks::Pam),
    ("cockpit-ws", "Cockpit", Asks::Pam),
    ("dovecot", "Dovecot", Asks::Pam),
];

/// Looks for them among all processes.
pub(super) fn check(processes: &[Process], findings: &mut Findings) {
    findings.add_all(judge(processes, |pid| ports_of(pid).into_iter().map(|port| port.to_string()).collect()));
}

fn judge(processes: &[Process], ports: impl Fn(u32) -> Vec<String>) -> Vec<Finding> {
    let mut running: BTreeMap<&str, (Asks, u32)> = BTreeMap::new();
    for process in processes {
        if let Some((_, called, asks)) = DAEMONS.iter().find(|(name, ..)| is_called(process, name)) {
            running.entry(called).or_insert((*asks, process.pid));
        }
    }
    let finding = |(called, (asks, pid)): (&str, (Asks, u32))| {
        let ports = ports(pid);
        let place = match ports.len() {
            0 => format!("process {pid}"),
            1 => format!("process {pid}, port {}", ports.concat()),
            _ => format!("process {pid}, ports {}", ports.join(", ")),
        };
        let finding = match asks {
            Asks::Pam => return None,
            Asks::Itself => Finding::critical("other-daemon", format!("{called} runs, and does not ask PAM"))
                .why("whom it lets in, and from where, the policy does not say")
                .fix("stop it, and take its package out"),
            Asks::Either => Finding::warning("other-daemon", format!("{called} runs, maybe with own passwords"))
                .why("where it does not ask PAM, the policy does not say whom it lets in")
                .fix("stop it; or see that it asks PAM and gives no account an administrator's rights"),
            Asks::InTheClear => Finding::warning("other-daemon", format!("{called} runs, without encryption"))
                .why("passwords go over the network in the clear, also those that are in use elsewhere")
                .fix("stop it, and take its package out"),
        };
        Some(finding.at(place))
    };
    running.into_iter().filter_map(finding).collect()
}

/// By the program's file, by the kernel's name for it (cut at 15 bytes), or, for a script, by its first argument.
fn is_called(process: &Process, name: &str) -> bool {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let short: String = name.chars().take(15).collect();
    let is_script =
        ["perl", "python", "python3", "sh", "bash"].iter().any(|shell| process.exe.to_string_lossy().contains(shell));
    process.exe.file_name().is_some_and(|file| file == name)
        || (process.name == short && !is_script)
        || (is_script && process.command_line.iter().skip(1).take(2).any(|word| last(word) == name))
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::doctor::processes::Process;

    #[test]
    fn by_program_name_or_script() {
        let process = |exe: &str, words: &[&str]| Process {
            pid: 7,
            name: exe.rsplit('/').next().unwrap().to_owned(),
            exe: exe.into(),
            command_line: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        let all = [
            process("/usr/sbin/dropbear", &["dropbear", "-p", "2222"]),
            process("/usr/bin/perl", &["/usr/bin/perl", "/usr/share/webmin/miniserv.pl", "/etc/webmin/miniserv.conf"]),
            process("/usr/sbin/dovecot", &["dovecot"]),
            process("/usr/bin/less", &["less", "dropbear"]),
        ];
        let found = judge(&all, |_| vec!["2222".to_owned()]);
        let what: Vec<&str> = found.iter().map(|finding| finding.what.split(',').next().unwrap()).collect();
        assert_eq!(what, ["Dropbear", "Webmin runs"]);
    }
}
