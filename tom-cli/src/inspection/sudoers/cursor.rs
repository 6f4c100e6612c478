//! A place in a line of sudoers.

/// Tags and options in front of a command; all others are no words of sudoers.
const TAGS: [&str; 18] = [
    "NOPASSWD",
    "PASSWD",
    "NOEXEC",
    "EXEC",
    "SETENV",
    "NOSETENV",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "FOLLOW",
    "NOFOLLOW",
    "INTERCEPT",
    "NOINTERCEPT",
    "LOG",
    "NOLOG",
];
const OPTIONS: [&str; 8] = ["CWD", "CHROOT", "TIMEOUT", "NOTBEFORE", "NOTAFTER", "ROLE", "TYPE", "APPARMOR_PROFILE"];

/// What is left of the line.
pub(super) struct Cursor {
    rest: Vec<char>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self { rest: text.chars().collect(), at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    /// Passes one character.
    pub(super) fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.skip();
        }
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.peek().is_none()
    }

    /// Whether this comes next, behind spaces.
    pub(super) fn sees(&mut self, c: char) -> bool {
        self.skip_space();
        self.peek() == Some(c)
    }

    /// Passes it if it comes next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.sees(c);
        if found {
            self.skip();
        }
        found
    }

    pub(super) fn expect(&mut self, c: char) -> Option<()> {
        self.eat(c).then_some(())
    }

    /// Passes a word of sudoers at the beginning of a line, with the space behind it.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let from = self.at;
        let found = self.word(&['=']).is_some_and(|found| found == word);
        if !found {
            self.at = from;
        }
        found
    }

    /// A word, up to a space or one of these.
    pub(super) fn word(&mut self, stops: &[char]) -> Option<String> {
        self.skip_space();
        let word = self.text(&|c| c.is_whitespace() || stops.contains(&c), false);
        (!word.is_empty()).then_some(word)
    }

    /// Text with escapes taken off, and quotation marks unless they are kept, up to what ends it.
    fn text(&mut self, ends: &dyn Fn(char) -> bool, keeps_quotes: bool) -> String {
        let mut text = String::new();
        let mut quoted = false;
        while let Some(c) = self.peek() {
            if c == '"' {
                quoted = !quoted;
                text.extend(keeps_quotes.then_some(c));
            } else if c == '\\' {
                self.skip();
                text.extend(self.peek());
            } else if ends(c) && !quoted {
                break;
            } else {
                text.push(c);
            }
            self.skip();
        }
        text
    }

    /// What follows `=` in a default.
    pub(super) fn value(&mut self) -> Option<String> {
        self.word(&[','])
    }

    /// `a, !b, c`, each name with whether it is taken out again. A name ends at spaces, `,` and these.
    pub(super) fn list(&mut self, stops: &[char]) -> Option<Vec<(String, bool)>> {
        let mut list = Vec::new();
        let stops = [&[','], stops].concat();
        loop {
            let mut negated = false;
            while self.eat('!') {
                negated = !negated;
            }
            list.push((self.word(&stops)?, negated));
            if !self.eat(',') {
                return Some(list);
            }
        }
    }

    /// `NOPASSWD:` or `CWD=/`, in front of a command.
    pub(super) fn tag(&mut self) -> Option<String> {
        let from = self.at;
        let word = self.word(&[':', '=', ',']);
        let found = word.filter(|word| {
            (TAGS.contains(&word.as_str()) && self.eat(':'))
                || (OPTIONS.contains(&word.as_str()) && self.eat('=') && self.word(&[',']).is_some())
        });
        if found.is_none() {
            self.at = from;
        }
        found
    }

    /// A command with its arguments, and whether it is taken out. Digests in front of it are passed over.
    pub(super) fn command(&mut self) -> Option<(String, bool)> {
        let mut negated = false;
        while self.eat('!') {
            negated = !negated;
        }
        loop {
            let from = self.at;
            let is_digest = self.word(&[':', ',']).is_some_and(|word| word.starts_with("sha")) && self.eat(':');
            if !is_digest {
                self.at = from;
                break;
            }
            self.word(&[','])?;
            self.eat(',');
        }
        self.skip_space();
        let text = self.text(&|c| matches!(c, ',' | ':' | '=' | '(' | ')'), true);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some((text, negated))
    }
}
