//! What a line of a PAM stack does with the answer of its module.

use std::collections::BTreeMap;

/// What follows an answer (pam.conf(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// So many lines are skipped.
    Jump(usize),
}

/// The action for each answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    /// By the answer's name in pam.conf(5), such as `success`.
    by_answer: BTreeMap<String, Action>,
    default: Action,
}

impl Control {
    /// Reads `required`, `[success=ok default=bad]` and so on. Nothing if PAM would not understand it either; it then
    /// treats the line as one that fails.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let known = |ok: Action, default: Action| {
            let by_answer = [("success", ok), ("new_authtok_reqd", ok)];
            Some(Self { by_answer: by_answer.map(|(answer, action)| (answer.to_owned(), action)).into(), default })
        };
        match text.to_ascii_lowercase().as_str() {
            "required" => known(Action::Ok, Action::Bad).map(Self::ignoring),
            "requisite" => known(Action::Ok, Action::Die).map(Self::ignoring),
            "sufficient" => known(Action::Done, Action::Ignore),
            "optional" => known(Action::Ok, Action::Ignore),
            other => Self::parse_pairs(other.strip_prefix('[')?.strip_suffix(']')?),
        }
    }

    fn ignoring(mut self) -> Self {
        self.by_answer.insert("ignore".to_owned(), Action::Ignore);
        self
    }

    fn parse_pairs(text: &str) -> Option<Self> {
        // What is not named, and no default given, counts as bad.
        let mut control = Self { by_answer: BTreeMap::new(), default: Action::Bad };
        for pair in text.split_whitespace() {
            let (answer, action) = pair.split_once('=')?;
            let action = match action {
                "ignore" => Action::Ignore,
                "ok" => Action::Ok,
                "done" => Action::Done,
                "bad" => Action::Bad,
                "die" => Action::Die,
                "reset" => Action::Reset,
                number => Action::Jump(number.parse().ok()?),
            };
            if answer == "default" {
                control.default = action;
            } else {
                control.by_answer.insert(answer.to_owned(), action);
            }
        }
        Some(control)
    }

    /// The action for an answer, by its name.
    pub(crate) fn on(&self, answer: &str) -> Action {
        self.by_answer.get(answer).copied().unwrap_or(self.default)
    }

    /// Every action that some failure leads to.
    pub(crate) fn on_failures(&self) -> Vec<Action> {
        let named = self.by_answer.iter().filter(|(answer, _)| !matches!(answer.as_str(), "success" | "ignore"));
        let mut actions: Vec<Action> = named.map(|(_, action)| *action).chain([self.default]).collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Control};

    #[test]
    fn words_and_pairs() {
        let required = Control::parse("Required").unwrap();
        assert_eq!((required.on("success"), required.on("perm_denied")), (Action::Ok, Action::Bad));
        assert_eq!(Control::parse("requisite").unwrap().on("auth_err"), Action::Die);
        assert_eq!(Control::parse("sufficient").unwrap().on("success"), Action::Done);
        let pairs = Control::parse("[success=2 perm_denied=ignore default=die]").unwrap();
        assert_eq!((pairs.on("success"), pairs.on("perm_denied")), (Action::Jump(2), Action::Ignore));
        assert_eq!(pairs.on_failures(), [Action::Ignore, Action::Die]);
        assert_eq!(Control::parse("[success=ok]").unwrap().on("auth_err"), Action::Bad);
        for nonsense in ["sometimes", "[success=perhaps]", "[success]", "[success=ok"] {
            assert!(Control::parse(nonsense).is_none(), "{nonsense}");
        }
    }
}
