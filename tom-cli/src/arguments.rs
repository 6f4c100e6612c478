//! The command line.

use clap::{Args, Parser, Subcommand};
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
    /// Make the candidate /etc/tom/policy.toml the active policy
    Apply(ApplyOptions),
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

#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    /// Without waiting for a confirmation
    #[arg(long)]
    pub(crate) now: bool,
    /// Even if nobody could log in any more; logged as an alarm
    #[arg(long)]
    pub(crate) allow_lockout: bool,
}

fn moment(text: &str) -> Result<Moment, &'static str> {
    Moment::parse(text).ok_or("this is no date-time with offset; write it as 2026-11-23T10:00:00Z")
}
