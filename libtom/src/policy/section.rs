//! Reading one table of the policy: every key is asked for by name and type, and what nobody asked
//! for is an error. Nothing stops at the first problem; each is noted and reading goes on.

use super::problem::Problems;
use crate::moment::{Day, Moment};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A table, with the name that messages call it by and the keys it may have.
pub(super) struct Section<'t, 'i> {
    name: String,
    table: &'t DeTable<'i>,
    span: Range<usize>,
}

/// A text and its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// A value of a section and the name of its key, for messages.
struct Item<'t, 'i> {
    key: &'static str,
    value: &'t Spanned<DeValue<'i>>,
}

impl<'t, 'i> Section<'t, 'i> {
    /// Opens a table; keys that are not `known` are noted at once.
    pub(super) fn open(
        name: impl Into<String>,
        table: &'t DeTable<'i>,
        span: Range<usize>,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Self {
        let name = name.into();
        for (key, _) in table {
            let written = key.get_ref().as_ref();
            if !known.contains(&written) {
                let message = format!("{name} has no key '{}'", printable(written));
                let advice = match closest(written, known) {
                    Some(near) => format!("did you mean '{near}'? else take the line out"),
                    None => format!("take it out; the keys are {}", known.join(", ")),
                };
                problems.add(&key.span(), message, advice);
            }
        }
        Self { name, table, span }
    }

    /// Where the section begins.
    pub(super) const fn span(&self) -> &Range<usize> {
        &self.span
    }

    fn item(&self, key: &'static str) -> Option<Item<'t, 'i>> {
        self.table.get(key).map(|value| Item { key, value })
    }

    fn missing(&self, key: &'static str, example: &str, problems: &mut Problems<'_>) {
        problems.add(&self.span, format!("{} lacks the key '{key}'", self.name), format!("write {key} = {example}"));
    }

    fn wrong_type(&self, item: &Item<'_, '_>, wanted: &str, example: &str, problems: &mut Problems<'_>) {
        let found = item.value.get_ref().type_str();
        problems.add(
            &item.value.span(),
            format!("'{}' of {} is {found}, not {wanted}", item.key, self.name),
            format!("write {} = {example}", item.key),
        );
    }

    /// Notes that a key is missing if it is.
    pub(super) fn require(&self, key: &'static str, example: &str, problems: &mut Problems<'_>) {
        if self.item(key).is_none() {
            self.missing(key, example, problems);
        }
    }

    /// Is the key there, whatever its value?
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A string, if it is there.
    pub(super) fn text(&self, key: &'static str, example: &str, problems: &mut Problems<'_>) -> Option<Text> {
        let item = self.item(key)?;
        let text = text_of(item.value);
        if text.is_none() {
            self.wrong_type(&item, "a string", example, problems);
        }
        text
    }

    /// A string that must be there.
    pub(super) fn required_text(&self, key: &'static str, example: &str, problems: &mut Problems<'_>) -> Option<Text> {
        self.require(key, example, problems);
        self.text(key, example, problems)
    }

    /// A list of strings, if it is there; an empty one is a problem unless `may_be_empty`.
    pub(super) fn list(
        &self,
        key: &'static str,
        example: &str,
        may_be_empty: bool,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Text>> {
        let item = self.item(key)?;
        let DeValue::Array(array) = item.value.get_ref() else {
            self.wrong_type(&item, "a list of strings", example, problems);
            return None;
        };
        if array.is_empty() && !may_be_empty {
            problems.add(
                &item.value.span(),
                format!("'{key}' of {} is an empty list", self.name),
                format!("write {key} = {example}, or take the line out if the key may be absent"),
            );
            return None;
        }
        Some(self.strings(key, array, example, problems))
    }

    fn strings(&self, key: &str, array: &DeArray<'i>, example: &str, problems: &mut Problems<'_>) -> Vec<Text> {
        let mut texts = Vec::new();
        for element in array.iter() {
            match text_of(element) {
                Some(text) => texts.push(text),
                None => problems.add(
                    &element.span(),
                    format!("'{key}' of {} holds {}, not a string", self.name, element.get_ref().type_str()),
                    format!("write {key} = {example}"),
                ),
            }
        }
        texts
    }

    /// A whole number from 0, if it is there.
    pub(super) fn number(
        &self,
        key: &'static str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<(u64, Range<usize>)> {
        let item = self.item(key)?;
        let number = item.value.get_ref().as_integer().and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        if number.is_none() {
            self.wrong_type(&item, "a whole number from 0", example, problems);
        }
        number.map(|number| (number, item.value.span()))
    }

    /// `true` or `false`, if it is there.
    pub(super) fn boolean(&self, key: &'static str, problems: &mut Problems<'_>) -> Option<(bool, Range<usize>)> {
        let item = self.item(key)?;
        let boolean = item.value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(&item, "true or false", "true", problems);
        }
        boolean.map(|boolean| (boolean, item.value.span()))
    }

    /// A date without time of day, if it is there.
    pub(super) fn day(&self, key: &'static str, problems: &mut Problems<'_>) -> Option<Day> {
        let item = self.item(key)?;
        let day = item.value.get_ref().as_datetime().and_then(Day::from_datetime);
        if day.is_none() {
            self.wrong_type(&item, "a date without time of day", "2027-12-31 (the last valid day, UTC)", problems);
        }
        day
    }

    /// A date-time with offset, if it is there.
    pub(super) fn moment(&self, key: &'static str, problems: &mut Problems<'_>) -> Option<Moment> {
        let item = self.item(key)?;
        let moment = item.value.get_ref().as_datetime().and_then(Moment::from_datetime);
        if moment.is_none() {
            self.wrong_type(&item, "a date-time with offset", "2027-02-28T00:00:00Z", problems);
        }
        moment
    }

    /// A table inside, if it is there.
    pub(super) fn table(
        &self,
        key: &'static str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<(&'t DeTable<'i>, Range<usize>)> {
        let item = self.item(key)?;
        let table = item.value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(&item, "a table", example, problems);
        }
        table.map(|table| (table, item.value.span()))
    }

    /// The tables of an array of tables, in file order; none where the key is absent.
    pub(super) fn tables(
        &self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<(&'t DeTable<'i>, Range<usize>)> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let DeValue::Array(array) = item.value.get_ref() else {
            problems.add(
                &item.value.span(),
                format!("'{key}' is {}, not a list of tables", item.value.get_ref().type_str()),
                format!("begin each with a line [[{key}]]"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in array.iter() {
            match element.get_ref().as_table() {
                Some(table) => tables.push((table, element.span())),
                None => problems.add(
                    &element.span(),
                    format!("'{key}' holds {}, not a table", element.get_ref().type_str()),
                    format!("begin each with a line [[{key}]]"),
                ),
            }
        }
        tables
    }

    /// All entries, for a table whose keys are names.
    pub(super) fn names(table: &'t DeTable<'i>) -> impl Iterator<Item = (Text, &'t Spanned<DeValue<'i>>)> {
        table.iter().map(|(key, value)| (Text { text: key.get_ref().to_string(), span: key.span() }, value))
    }
}

/// The string in a value.
pub(super) fn text_of(value: &Spanned<DeValue<'_>>) -> Option<Text> {
    value.get_ref().as_str().map(|text| Text { text: text.to_string(), span: value.span() })
}

/// A foreign text in a message: control and invisible characters made visible, and not too long.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(80) {
        if is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that change how a line looks without being seen: control characters, line separators,
/// bidirectional controls and the like (CVE-2021-42574), zero-width characters, the byte order mark.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The known word that is at most two changes away from what was written.
fn closest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    known.iter().map(|word| (distance(written, word), *word)).filter(|(d, _)| *d <= 2).min().map(|(_, word)| word)
}

/// Levenshtein's distance, row by row.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal.saturating_add(usize::from(ca != cb));
            diagonal = *cell;
            left = changed.min(cell.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{closest, distance, printable};

    #[test]
    fn finds_the_word_that_was_meant() {
        assert_eq!(distance("valid-until", "valid_until"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(closest("valid_until", &["id", "name", "valid-until"]), Some("valid-until"));
        assert_eq!(closest("colour", &["id", "name"]), None);
    }

    #[test]
    fn shows_what_cannot_be_seen() {
        assert_eq!(printable("a\u{202e}b\n"), "a\\u{202e}b\\u{a}");
        assert!(printable(&"x".repeat(100)).ends_with('…'));
    }
}
