//! The escaping is the part that others rely on: properties, not examples alone.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn kinds_have_ids_of_their_own() {
    let ids: HashSet<_> = Kind::ALL.iter().map(|kind| kind.message_id()).collect();
    let names: HashSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!((ids.len(), names.len()), (Kind::ALL.len(), Kind::ALL.len()));
    for id in ids {
        assert_eq!(id.len(), 32);
        assert!(id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    }
}

#[test]
fn foreign_text_is_shown() {
    assert_eq!(escape("Anna Beispiel, Köln ✓"), "Anna Beispiel, Köln ✓");
    assert_eq!(escape("a\nTOM_VERDICT=allow"), "a\\x0aTOM_VERDICT=allow");
    assert_eq!(escape("\r\0\x1b[31m\x7f"), "\\x0d\\x00\\x1b[31m\\x7f");
    assert_eq!(escape("\\x0a"), "\\\\x0a");
    assert_eq!(escape("\u{202e}toor\u{200b}\u{85}\u{a0}"), "\\u{202e}toor\\u{200b}\\u{85}\\u{a0}");
    assert_eq!(escape_bytes(b"a\xff\n\xc3\xa4"), "a\\xff\\x0aä");
}

#[test]
fn long_values_are_cut_between_characters() {
    for (text, shown) in [
        ("12345678", "12345678"),
        ("123456789", "12345…"),
        ("1234567\n", "12345…"),
        ("1234\n", "1234\\x0a"),
        ("ääää", "ääää"),
        ("äääää", "ää…"),
        ("\n\n", "\\x0a\\x0a"),
        ("\n\n\n", "\\x0a…"),
    ] {
        assert_eq!(escape_within(text, 8), shown, "{text:?}");
    }
}

#[test]
fn the_last_value_counts_and_the_order_is_fixed() {
    let event = Event::new(Kind::Refused, "no\n")
        .with(Field::Host, "web1")
        .with(Field::Person, "bert")
        .with(Field::Person, "anna")
        .with_known(Field::Grant, None)
        .with_known(Field::From, Some("::1"));
    let fields: Vec<_> = event.fields().collect();
    let expected = [(Field::Person, "anna"), (Field::From, "::1"), (Field::Host, "web1")];
    assert_eq!(fields, expected);
    assert_eq!(event.message(), "no\\x0a");
}

/// Undoes `escape_bytes`.
fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if first != '\\' {
            bytes.extend_from_slice(first.to_string().as_bytes());
            rest = &rest[first.len_utf8()..];
        } else if let Some(after) = rest.strip_prefix("\\\\") {
            bytes.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
            rest = &after[2..];
        } else {
            let (code, after) = rest.strip_prefix("\\u{")?.split_once('}')?;
            let code = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            bytes.extend_from_slice(code.to_string().as_bytes());
            rest = after;
        }
    }
    Some(bytes)
}

fn is_one_visible_line(line: &str) -> bool {
    !line.chars().any(|c| c.is_control() || is_deceptive(c) || (c.is_whitespace() && c != ' '))
}

/// Any text, with more of the characters that matter here.
fn texts() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        '\\',
        'x',
        'u',
        '{',
        '}',
        '0',
        'a',
        '\n',
        '\r',
        '\0',
        '\x1b',
        '\u{85}',
        '\u{2028}',
        '\u{202e}',
        '\u{200b}',
        '\u{feff}',
        '\u{e0041}',
        '=',
        '"',
        'ä',
        '…',
    ]);
    prop::collection::vec(prop_oneof![nasty, any::<char>()], 0..40)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn escaped_text_is_one_visible_line_and_reversible(text in texts()) {
        let line = escape(&text);
        prop_assert!(is_one_visible_line(&line), "{line:?}");
        prop_assert_eq!(unescape(&line), Some(text.into_bytes()));
    }

    #[test]
    fn escaped_bytes_too(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let line = escape_bytes(&bytes);
        prop_assert!(is_one_visible_line(&line), "{line:?}");
        prop_assert_eq!(unescape(&line), Some(bytes));
    }

    #[test]
    fn cut_text_is_bounded_and_begins_alike(text in texts(), limit in 3usize..60) {
        let (whole, cut) = (escape(&text), escape_within(&text, limit));
        prop_assert!(cut.len() <= limit);
        prop_assert!(is_one_visible_line(&cut));
        if whole.len() <= limit {
            prop_assert_eq!(cut, whole);
        } else {
            let kept = cut.strip_suffix(CUT).unwrap();
            prop_assert!(whole.starts_with(kept));
            prop_assert!(unescape(kept).is_some(), "cut inside an escape: {kept:?}");
        }
    }
}
