//! Host globs: `*` is any run of characters, `?` exactly one, everything else is literal.
//!
//! A glob matches the whole host id, ASCII letters without regard to case (interfaces.md, "The order
//! of rules"). The matcher backtracks to the last `*` only, so its time is bounded by the product of
//! the two lengths whatever the pattern.

/// Does `pattern` match the whole of `text`?
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    let mut text_rest = text.chars();
    // Where to go on after a mismatch: the pattern behind the last `*`, and the text it has not eaten.
    let mut after_star: Option<(core::str::Chars<'_>, core::str::Chars<'_>)> = None;
    loop {
        let text_before = text_rest.clone();
        match (pattern_rest.next(), text_rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text_rest = text_before;
                after_star = Some((pattern_rest.clone(), text_rest.clone()));
            }
            (Some(p), Some(t)) if p == '?' || p.eq_ignore_ascii_case(&t) => {}
            _ => {
                let Some((star_pattern, star_text)) = after_star.as_mut() else {
                    return false;
                };
                if star_text.next().is_none() {
                    return false;
                }
                pattern_rest = star_pattern.clone();
                text_rest = star_text.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn truth_table() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "web1.example.net", true),
            ("web1.example.net", "web1.example.net", true),
            ("WEB1.*", "web1.example.net", true),
            ("web?.example.net", "web1.example.net", true),
            ("web?.example.net", "web.example.net", false),
            ("web?.example.net", "web12.example.net", false),
            ("*.example.net", "example.net", false),
            ("web1", "web1.example.net", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xbxxa", false),
            ("a*a", "a", false),
            ("a**", "a", true),
            ("", "", true),
            ("", "a", false),
            ("[ab]", "a", false),
            ("ä*", "Ä", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }

    /// The obvious recursive reading of the rule, as an oracle.
    fn by_recursion(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| by_recursion(rest, &text[n..])),
            Some((p, rest)) => text
                .split_first()
                .is_some_and(|(t, text)| (*p == '?' || p.eq_ignore_ascii_case(t)) && by_recursion(rest, text)),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_recursive_reading(pattern in "[aAb?*]{0,8}", text in "[aAb]{0,10}") {
            let p: alloc::vec::Vec<char> = pattern.chars().collect();
            let t: alloc::vec::Vec<char> = text.chars().collect();
            prop_assert_eq!(matches(&pattern, &text), by_recursion(&p, &t));
        }

        #[test]
        fn star_matches_everything(text: String) {
            prop_assert!(matches("*", &text));
        }
    }
}
