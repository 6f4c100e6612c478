//! Policies as tests write them: keys by name instead of base64.

use crate::keys::Key;

/// One way to write a key: the word, and what makes the key of that name.
type Notation = (&'static str, fn(&str) -> Key);

const NOTATIONS: [Notation; 4] = [
    ("TOKEN(", Key::token),
    ("ECDSA-TOKEN(", Key::ecdsa_token),
    ("FILE-KEY(", Key::file),
    ("ECDSA-FILE-KEY(", Key::ecdsa_file),
];

/// `text` with `"TOKEN(anna-blue)"` and the like replaced by the public keys of that name.
pub(crate) fn with_keys(text: &str) -> String {
    let mut text = text.to_owned();
    for (word, make) in NOTATIONS {
        let opening = format!("\"{word}");
        while let Some(start) = text.find(&opening) {
            let name_start = start + opening.len();
            let length = text[name_start..].find(")\"").expect("a closing )\" after a key's name");
            let key = make(&text[name_start..name_start + length]);
            text.replace_range(start + 1..=name_start + length, key.public());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_replaced_by_name() {
        let text = with_keys("public = \"TOKEN(a)\"\npublic = \"ECDSA-FILE-KEY(b)\" # x\n");
        let (a, b) = (Key::token("a"), Key::ecdsa_file("b"));
        let wanted = format!("public = \"{}\"\npublic = \"{}\" # x\n", a.public(), b.public());
        assert_eq!(text, wanted);
    }
}
