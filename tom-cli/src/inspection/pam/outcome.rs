//! Whether a stack can succeed without us, or against us: every answer that the other modules might give is tried.
//!
//! The loop follows Linux-PAM's `_pam_dispatch_aux` (1.5.2 and 1.7.0).

use super::control::Action;
use super::{Line, Stack};
use std::collections::BTreeSet;

/// What the module of a line may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Anything.
    Any,
    /// This, by its name in pam.conf(5).
    Only(&'static str),
}

/// What is known of a stack in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Impression {
    Undefined,
    /// Positive, and with success.
    Good,
    /// Positive, with another code than success: that is what the program gets.
    Odd,
    Negative,
}

/// How the stack can end with success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Success<'s> {
    /// The lines that brought it about: each took the stack past others, or made a success of it.
    pub(crate) by: Vec<&'s Line>,
    /// Our line was asked on the way.
    pub(crate) asked_us: bool,
}

/// A way in which the stack ends with success, if there is one. `answers` says what each module answers; `ours` which
/// lines are ours; only ways count that `wanted` (was one of ours asked?) agrees to.
pub(crate) fn success<'s>(
    stack: &'s Stack,
    answers: &dyn Fn(&Line) -> Answers,
    ours: &dyn Fn(&Line) -> bool,
    wanted: &dyn Fn(bool) -> bool,
) -> Option<Success<'s>> {
    let mut search = Search { lines: &stack.lines, answers, ours, wanted, seen: BTreeSet::new() };
    search.go(State { at: 0, impression: Impression::Undefined, asked: false, saved: Vec::new() }, &mut Vec::new())
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    at: usize,
    impression: Impression,
    asked: bool,
    /// The impression before each substack that is open.
    saved: Vec<Impression>,
}

struct Search<'s, 'f> {
    lines: &'s [Line],
    answers: &'f dyn Fn(&Line) -> Answers,
    ours: &'f dyn Fn(&Line) -> bool,
    wanted: &'f dyn Fn(bool) -> bool,
    seen: BTreeSet<State>,
}

impl<'s> Search<'s, '_> {
    fn go(&mut self, mut state: State, by: &mut Vec<&'s Line>) -> Option<Success<'s>> {
        if !self.seen.insert(state.clone()) {
            return None;
        }
        let Some(line) = self.lines.get(state.at) else {
            let success = state.impression == Impression::Good && (self.wanted)(state.asked);
            return success.then(|| Success { by: by.clone(), asked_us: state.asked });
        };
        // Entering a substack keeps what was before it, for `reset`.
        state.saved.truncate(line.depth);
        while state.saved.len() < line.depth {
            state.saved.push(state.impression);
        }
        let asked = state.asked || (self.ours)(line);
        for (action, succeeded, ignored) in self.possible(line) {
            let mut next = State { asked, at: state.at.saturating_add(1), ..state.clone() };
            let mut deciding = false;
            match action {
                Action::Ignore => {}
                Action::Reset => next.impression = state.saved.last().copied().unwrap_or(Impression::Undefined),
                Action::Ok | Action::Done => {
                    if matches!(state.impression, Impression::Undefined | Impression::Good) && !ignored {
                        next.impression = if succeeded { Impression::Good } else { Impression::Odd };
                        deciding = state.impression == Impression::Undefined;
                    }
                    if action == Action::Done && matches!(next.impression, Impression::Good | Impression::Odd) {
                        next.at = self.end_of_level(state.at);
                        deciding = true;
                    }
                }
                Action::Bad => next.impression = Impression::Negative,
                Action::Die => {
                    next.impression = Impression::Negative;
                    next.at = self.end_of_level(state.at);
                }
                Action::Jump(count) => match self.jump(state.at, count) {
                    Some(at) => {
                        next.at = at;
                        deciding = true;
                    }
                    None => next.impression = Impression::Negative,
                },
            }
            if deciding {
                by.push(line);
            }
            let found = self.go(next, by);
            if found.is_some() {
                return found;
            }
            if deciding {
                by.pop();
            }
        }
        None
    }

    /// The actions that a line may lead to; whether the answer was success, and whether it was `ignore`.
    fn possible(&self, line: &Line) -> Vec<(Action, bool, bool)> {
        let Some(control) = &line.control else {
            // PAM does not understand the line: it must fail.
            return vec![(Action::Bad, false, false)];
        };
        match (self.answers)(line) {
            Answers::Only(answer) => vec![(control.on(answer), answer == "success", answer == "ignore")],
            Answers::Any => {
                let mut all = vec![(control.on("success"), true, false), (control.on("ignore"), false, true)];
                all.extend(control.on_failures().into_iter().map(|action| (action, false, false)));
                all
            }
        }
    }

    fn depth(&self, at: usize) -> Option<usize> {
        self.lines.get(at).map(|line| line.depth)
    }

    /// Behind the substack that this line is in; outside of any, behind the last line.
    fn end_of_level(&self, at: usize) -> usize {
        let level = self.depth(at).unwrap_or(0);
        let mut next = at.saturating_add(1);
        while self.depth(next).is_some_and(|depth| depth >= level) {
            next = next.saturating_add(1);
        }
        next
    }

    /// Behind so many lines of this level, a whole substack counting as one; nothing if there are not so many.
    fn jump(&self, at: usize, count: usize) -> Option<usize> {
        let level = self.depth(at)?;
        let mut last = at;
        for _ in 0..count {
            let next = last.saturating_add(1);
            if self.depth(next).is_none_or(|depth| depth < level) {
                return None;
            }
            last = next;
            while self.depth(last.saturating_add(1)).is_some_and(|depth| depth > level) {
                last = last.saturating_add(1);
            }
        }
        Some(last.saturating_add(1))
    }
}
