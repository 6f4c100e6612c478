//! PAM stacks asked by pamtester: the modules without their daemon.

use crate::command::Output;
use crate::host::Host;

/// A PAM stack about to be asked.
pub struct PamTester<'a> {
    host: &'a Host,
    service: String,
    user: String,
    items: Vec<String>,
    as_user: Option<String>,
    stdin: String,
}

impl<'a> PamTester<'a> {
    pub(crate) fn new(host: &'a Host, service: &str, user: &str) -> Self {
        let (service, user) = (service.to_owned(), user.to_owned());
        Self { host, service, user, items: Vec::new(), as_user: None, stdin: String::new() }
    }

    /// An item: `rhost`, `ruser`, `tty`.
    #[must_use]
    pub fn item(mut self, name: &str, value: &str) -> Self {
        self.items.push(format!("-I{name}={value}"));
        self
    }

    /// A variable of the PAM environment: `SSH_CONNECTION`, `SSH_AUTH_INFO_0`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.items.push(format!("-E{name}={value}"));
        self
    }

    /// Asks as this user instead of root.
    #[must_use]
    pub fn called_by(mut self, user: &str) -> Self {
        self.as_user = Some(user.to_owned());
        self
    }

    /// What is typed when a module asks.
    #[must_use]
    pub fn typing(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Asks, phase by phase: `authenticate`, `acct_mgmt`, `open_session`, `close_session`,
    /// `setcred`. Ends with 0 if all of them succeed.
    #[must_use]
    pub fn ask(self, phases: &[&str]) -> Output {
        let mut command = self.host.command().stdin(self.stdin);
        if let Some(user) = &self.as_user {
            command = command.as_user(user);
        }
        let mut arguments = vec!["pamtester".to_owned(), "-v".to_owned()];
        arguments.extend(self.items);
        arguments.extend([self.service, self.user]);
        arguments.extend(phases.iter().map(|phase| (*phase).to_owned()));
        command.run(arguments)
    }
}
