//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use libtom::moment::Moment;
use std::path::PathBuf;

/// Decide who may log in as an administrator, and say why.
///
/// Exit codes: 0 fine or allowed, 1 findings or denied, 2 wrong usage, 3 could not check, 4 policy
/// invalid.
#[derive(Debug, Parser)]
#[command(name = "tom", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a policy, or compare two
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List everyone who may enter: how, from where, by which proof
    Access(AccessOptions),
    /// Say rule by rule why a login is allowed or denied
    Explain(ExplainOptions),
    /// Answer requests: one JSON request a line on stdin, one JSON decision a line on stdout
    Decide {
        /// A policy file instead of the active policy
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Check what proves that a key lives in a PIN-protected token
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Enrol a person's new token, step by step
    #[command(subcommand)]
    Enroll(EnrollCommand),
    /// Make the candidate /etc/tom/policy.toml the active policy
    Apply(ApplyOptions),
    /// Confirm the last change of policy or configuration, from a new login; without it the change is undone
    Confirm(ConfirmOptions),
    /// Undo the last change: one that waits for its confirmation, else the policy before comes back
    Rollback(RollbackOptions),
    /// Let sshd and PAM of this host ask tom
    Enable(EnableOptions),
    /// Take tom's lines out of sshd and PAM of this host
    Disable(DisableOptions),
    /// Say what is wrong with this host: every way to become an administrator that does not pass tom
    Doctor(DoctorOptions),
    /// Take a lost token out on this host, at once
    Revoke(RevokeOptions),
    /// Log in with a candidate, in namespaces of its own (called by enable and apply)
    #[command(hide = true)]
    Rehearse(RehearseOptions),
    /// Write the active policy anew in the form that this version reads (called when the package is installed)
    #[command(hide = true)]
    Refresh,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Tell everything that is wrong with a policy; evaluate its own tests
    Check {
        /// The policy [default: the candidate /etc/tom/policy.toml]
        file: Option<PathBuf>,
    },
    /// Tell in words who gains and who loses what between two policies
    Diff {
        /// The policy before
        old: PathBuf,
        /// The policy after
        new: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Say what an attestation proves of a key, and what not
    Check(EvidenceOptions),
}

/// The forms of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProofKind {
    /// What ssh-keygen -O write-attestation wrote
    Fido,
    /// Certificates of a slot and of the device
    Piv,
    /// Certificates of an OpenPGP card: explained, never a proof of a PIN
    Openpgp,
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceOptions {
    /// The form of the evidence
    #[arg(long, value_enum)]
    pub(crate) proof: ProofKind,
    /// The public key (.pub)
    #[arg(long, value_name = "FILE")]
    pub(crate) public: PathBuf,
    /// PIV: the certificate that the token made for the slot, PEM or DER
    #[arg(long, value_name = "FILE", required_if_eq_any = [("proof", "piv"), ("proof", "openpgp")])]
    pub(crate) slot: Option<PathBuf>,
    /// PIV: the certificate of the device (f9), PEM or DER
    #[arg(long, value_name = "FILE", required_if_eq_any = [("proof", "piv"), ("proof", "openpgp")])]
    pub(crate) device: Option<PathBuf>,
    /// FIDO: the attestation
    #[arg(long, value_name = "FILE", required_if_eq("proof", "fido"))]
    pub(crate) attestation: Option<PathBuf>,
    /// FIDO: the challenge that it answers
    #[arg(long, value_name = "FILE", required_if_eq("proof", "fido"))]
    pub(crate) challenge: Option<PathBuf>,
    /// One line of JSON instead of a page
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnrollCommand {
    /// A FIDO token: ssh-keygen makes a key that needs its PIN and touch
    Fido(EnrollFidoOptions),
    /// A PIV token: the key is made in one of its slots
    Piv(EnrollPivOptions),
}

#[derive(Debug, Args)]
pub(crate) struct EnrollOptions {
    /// The person, by the id in the policy
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// What the person calls the token, such as blue
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: String,
    /// The policy; evidence goes into evidence/ beside it [default: the candidate /etc/tom/policy.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Append the entry to the policy instead of printing it
    #[arg(long)]
    pub(crate) write: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EnrollFidoOptions {
    #[command(flatten)]
    pub(crate) common: EnrollOptions,
    /// Where the key's file goes [default: ~/.ssh/id_tom_LABEL]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// A P-256 key, for tokens without Ed25519
    #[arg(long)]
    pub(crate) ecdsa: bool,
    /// Keep the key's handle on the token, so that 'ssh-keygen -K' finds it on another workstation
    #[arg(long)]
    pub(crate) resident: bool,
    /// The FIDO application; it begins with ssh:
    #[arg(long, value_name = "TEXT", default_value = "ssh:", value_parser = ssh_application)]
    pub(crate) application: String,
}

#[derive(Debug, Args)]
pub(crate) struct EnrollPivOptions {
    #[command(flatten)]
    pub(crate) common: EnrollOptions,
    /// Where the key goes: 9a, 9c, 9d, 9e or 82 to 95
    #[arg(long, value_name = "SLOT", default_value = "9a")]
    pub(crate) slot: String,
    /// The kind of key: ecc-p256, ecc-p384, rsa-2048, rsa-3072 or rsa-4096
    #[arg(long, value_name = "KIND", default_value = "ecc-p256")]
    pub(crate) algorithm: String,
    /// When the PIN is needed: once or always
    #[arg(long, value_name = "RULE", default_value = "once")]
    pub(crate) pin_policy: String,
    /// When the token must be touched: never, cached (15 seconds) or always
    #[arg(long, value_name = "RULE", default_value = "cached")]
    pub(crate) touch_policy: String,
    /// The token in this reader
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// The token with this serial number
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<u32>,
    /// Replace what is in the slot; the key there is gone for ever
    #[arg(long)]
    pub(crate) overwrite: bool,
}

fn ssh_application(text: &str) -> Result<String, &'static str> {
    if text.starts_with("ssh:") && text.chars().all(|c| c.is_ascii_graphic() && c != ',') {
        Ok(text.to_owned())
    } else {
        Err("an application for SSH begins with 'ssh:' and has no spaces")
    }
}

#[derive(Debug, Args)]
pub(crate) struct AccessOptions {
    /// Only this host
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Only this account
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// A policy file instead of the active policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The account to enter
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: String,
    /// The PAM service: sshd, login, su, sudo or another
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: String,
    /// The client's address
    #[arg(long, value_name = "IP")]
    pub(crate) from: Option<String>,
    /// A file with the public key that is shown
    #[arg(long, value_name = "FILE", conflicts_with = "person")]
    pub(crate) key: Option<PathBuf>,
    /// Try the keys of this person
    #[arg(long, value_name = "PERSON")]
    pub(crate) person: Option<String>,
    /// Another host than this one
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Another moment than now, such as 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Moment>,
    /// The account that calls su or sudo
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) invoker: Option<String>,
    /// A policy file instead of the active policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// How a change comes about, for `tom enable` and `tom apply`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct ChangeOptions {
    /// Without waiting for a confirmation
    #[arg(long, conflicts_with = "unattended")]
    pub(crate) now: bool,
    /// Let a second check, a minute later, confirm instead of a person (for automation)
    #[arg(long)]
    pub(crate) unattended: bool,
    /// How long to wait for 'tom confirm' before everything is undone, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(30..=86_400))]
    pub(crate) confirm_within: u32,
    /// Who you are, by the id in the policy, where nobody has come in by token yet
    #[arg(long = "as", value_name = "PERSON")]
    pub(crate) person: Option<String>,
    /// Only show what would change, and for whom
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Even if you, or all but one, could not log in any more; logged as an alarm
    #[arg(long)]
    pub(crate) allow_lockout: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

#[derive(Debug, Args)]
pub(crate) struct EnableOptions {
    /// Decide and log what would be refused, and refuse nothing
    #[arg(long)]
    pub(crate) observe: bool,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmOptions {
    /// By looking again instead of by a person (called by the timer of --unattended)
    #[arg(long, hide = true)]
    pub(crate) by_check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackOptions {
    /// Only a change whose time to be confirmed is over (called by the timer, and when the host starts)
    #[arg(long)]
    pub(crate) unconfirmed: bool,
    /// Without waiting for a confirmation
    #[arg(long)]
    pub(crate) now: bool,
    /// Who you are, by the id in the policy, where nobody has come in by token yet
    #[arg(long = "as", value_name = "PERSON")]
    pub(crate) person: Option<String>,
    /// Even if you, or all but one, could not log in any more; logged as an alarm
    #[arg(long)]
    pub(crate) allow_lockout: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DisableOptions {
    /// Even if nobody could log in any more; logged as an alarm
    #[arg(long)]
    pub(crate) allow_lockout: bool,
    /// Leave the policy's keys behind as plain lines for sshd, so that administrators still get in without tom
    #[arg(long)]
    pub(crate) leave_keys: bool,
    /// The package is being removed: do what can be done, and stop it only where nobody could log in any more
    #[arg(long, hide = true)]
    pub(crate) for_removal: bool,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// One line and an exit code for Nagios and Icinga
    Nagios,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// How findings are written
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ReportFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeOptions {
    /// A person's id (all keys), PERSON:LABEL, a fingerprint SHA256:…, or a file with the public key
    #[arg(value_name = "PERSON|KEY")]
    pub(crate) whom: String,
    /// Let it count again
    #[arg(long)]
    pub(crate) undo: bool,
    /// End the sessions that were opened with it
    #[arg(long, conflicts_with = "undo")]
    pub(crate) end_sessions: bool,
    /// Why, for the journal and the list
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Where the policy of a rehearsal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RehearsedPolicy {
    /// /etc/tom/policy.toml
    Candidate,
    /// The one before the active
    Previous,
    /// The active one
    Active,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseOptions {
    /// The mount namespace that this must not be
    #[arg(long)]
    pub(crate) outside: String,
    /// SHA-256 of the policy's text
    #[arg(long)]
    pub(crate) digest: String,
    /// Which policy
    #[arg(long, value_enum)]
    pub(crate) policy: RehearsedPolicy,
    /// enforce or observe
    #[arg(long)]
    pub(crate) mode: String,
}

fn moment(text: &str) -> Result<Moment, &'static str> {
    Moment::parse(text).ok_or("this is no date-time with offset; write it as 2026-11-23T10:00:00Z")
}
