//! The aliases of sudoers.

use super::cursor::Cursor;
use std::collections::BTreeMap;

/// How deep aliases may mean each other; deeper is a circle.
const DEEPEST: usize = 64;

/// By kind and name.
#[derive(Default)]
pub(super) struct Aliases {
    known: BTreeMap<(String, String), Vec<(String, bool)>>,
}

impl Aliases {
    /// The words that define them.
    pub(super) const KINDS: [&'static str; 5] = ["User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"];

    /// `NAME = a, b : OTHER = c`
    pub(super) fn define(&mut self, kind: &str, cursor: &mut Cursor) -> Option<()> {
        let kind = if kind == "Cmd_Alias" { "Cmnd_Alias" } else { kind };
        loop {
            let name = cursor.word(&['='])?;
            cursor.expect('=')?;
            let list = if kind == "Cmnd_Alias" {
                let mut list = vec![cursor.command()?];
                while cursor.eat(',') {
                    list.push(cursor.command()?);
                }
                list
            } else {
                cursor.list(&[':'])?
            };
            self.known.insert((kind.to_owned(), name), list);
            if !cursor.eat(':') {
                return cursor.is_at_end().then_some(());
            }
        }
    }

    /// A list with its aliases resolved; nothing if they mean each other in a circle.
    pub(super) fn expand(&self, kind: &str, list: &[(String, bool)]) -> Option<Vec<(String, bool)>> {
        let mut expanded = Vec::new();
        self.add(kind, list, false, 0, &mut expanded)?;
        Some(expanded)
    }

    fn add(
        &self,
        kind: &str,
        list: &[(String, bool)],
        inverted: bool,
        depth: usize,
        expanded: &mut Vec<(String, bool)>,
    ) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        for (name, negated) in list {
            let negated = *negated != inverted;
            match self.known.get(&(kind.to_owned(), name.clone())) {
                Some(list) => self.add(kind, list, negated, depth.saturating_add(1), expanded)?,
                None => expanded.push((name.clone(), negated)),
            }
        }
        Some(())
    }
}
