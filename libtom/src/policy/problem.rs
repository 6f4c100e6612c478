//! What is wrong with a policy, where, and what to write instead.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// A place in the text: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub position: Position,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub advice: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.position, self.message, self.advice)
    }
}

impl core::error::Error for Problem {}

/// Collects problems while a text is read, and turns byte offsets into places.
pub(super) struct Problems<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    found: Vec<(usize, String, String)>,
    lasting: Vec<(usize, String, String)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let newlines = text.match_indices('\n').map(|(offset, _)| offset.saturating_add(1));
        Self {
            text,
            line_starts: core::iter::once(0).chain(newlines).collect(),
            found: Vec::new(),
            lasting: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, at: &Range<usize>, message: String, advice: impl Into<String>) {
        self.found.push((at.start, message, advice.into()));
    }

    /// A problem that stays whatever is forgotten.
    pub(super) fn add_lasting(&mut self, at: &Range<usize>, message: String, advice: impl Into<String>) {
        self.lasting.push((at.start, message, advice.into()));
    }

    /// Forgets the problems from an offset on.
    pub(super) fn forget_after(&mut self, offset: usize) {
        self.found.retain(|(at, _, _)| *at < offset);
    }

    pub(super) fn are_none(&self) -> bool {
        self.found.is_empty() && self.lasting.is_empty()
    }

    /// The place of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()).saturating_add(1);
        Position { line, column }
    }

    /// The problems in the order of the text. Columns are counted on from the problem before, so that many
    /// on one long line cost no more than the line.
    pub(super) fn into_list(mut self) -> Vec<Problem> {
        let mut found = core::mem::take(&mut self.lasting);
        found.append(&mut self.found);
        found.sort_by_key(|(offset, _, _)| *offset);
        let mut problems: Vec<Problem> = Vec::with_capacity(found.len());
        let mut before: Option<(usize, Position)> = None;
        for (offset, message, advice) in found {
            let position = match before {
                Some((last, place)) => self.position_after(last, place, offset),
                None => self.position(offset),
            };
            before = Some((offset, position));
            problems.push(Problem { position, message, advice });
        }
        problems
    }

    /// The place of an offset that is not before another one whose place is known.
    fn position_after(&self, last: usize, place: Position, offset: usize) -> Position {
        match self.text.get(last..offset) {
            Some(between) if !between.contains('\n') => {
                Position { line: place.line, column: place.column.saturating_add(between.chars().count()) }
            }
            _ => self.position(offset),
        }
    }
}
