//! A policy that lists hosts must list this one: a host that nobody wrote down has no class and no customers,
//! and a mistyped id would take grants away without a word.

use libtom::policy::Policy;
use thiserror::Error;

/// This host is in none of the policy's `[[host]]`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "this host, '{id}', matches no [[host]] of the policy: write [[host]] with match = [\"{id}\"] and its class into it, \
     or, where that is not its name, id = \"…\" into /etc/tom/host.toml"
)]
pub(crate) struct UnlistedHost {
    /// The id of this host.
    pub(crate) id: String,
}

/// Where the policy has any `[[host]]`, one of them must match.
pub(crate) fn host_is_listed(policy: &Policy, id: &str) -> Result<(), UnlistedHost> {
    if policy.hosts.is_empty() || policy.host_rule(id).is_some() {
        Ok(())
    } else {
        Err(UnlistedHost { id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockout::example;

    #[test]
    fn a_host_must_be_listed_where_any_is() {
        let mut policy = example::policy(example::POLICY);
        assert_eq!(host_is_listed(&policy, "anything"), Ok(()));
        let hosts = "[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n";
        policy = example::policy(&format!("{}{hosts}", example::POLICY));
        assert_eq!(host_is_listed(&policy, "WEB1.example.net"), Ok(()));
        let error = host_is_listed(&policy, "db1.example.net").unwrap_err().to_string();
        assert!(error.contains("'db1.example.net'") && error.contains("match = [\"db1.example.net\"]"), "{error}");
    }
}
