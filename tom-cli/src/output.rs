//! What people and programs read: data on standard output, messages on standard error. A reader that
//! has gone away (`tom access | head`) is no error.

use libtom::policy::is_invisible;
use std::io::{self, IsTerminal, Write};

/// Writes data; the text ends with its own newline.
pub(crate) fn data(text: &str) {
    let mut stdout = io::stdout().lock();
    // Nobody reads on: there is nobody to tell.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a line for people.
pub(crate) fn message(line: &str) {
    let _ = writeln!(io::stderr().lock(), "tom: {line}");
}

/// Writes a line for people that begins with `file:line:column:`.
pub(crate) fn place(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain_lines(line));
}

/// Text with names of files or of makers in it, as a terminal may get it: what would not be seen is spelled out.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if is_invisible(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// How many columns standard output has: those of its terminal, else what fits everywhere.
pub(crate) fn width() -> usize {
    const USUAL: usize = 80;
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(USUAL)
}

/// Colour on standard output: on a terminal, and unless NO_COLOR says otherwise (no-color.org).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// What standard output can show.
    pub(crate) fn for_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { on: wanted && io::stdout().is_terminal() }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For what is allowed.
    pub(crate) fn green(self, text: &str) -> String {
        self.with("32;1", text)
    }

    /// For what is denied, and for machines without a forced command.
    pub(crate) fn red(self, text: &str) -> String {
        self.with("31;1", text)
    }

    /// For what counts without proof.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    /// For headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what is said beside.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// The same of several lines.
pub(crate) fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// A table with columns as wide as their widest cell. Cells may be painted; widths go by what is seen.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match widths.get_mut(column) {
                Some(width) => *width = (*width).max(seen(cell)),
                None => widths.push(seen(cell)),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(seen(cell)).saturating_add(2)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Characters that a cell shows: escape sequences show none.
fn seen(cell: &str) -> usize {
    let mut count = 0_usize;
    let mut characters = cell.chars();
    while let Some(c) = characters.next() {
        if c == '\x1b' {
            characters.by_ref().find(|c| *c == 'm');
        } else {
            count = count.saturating_add(1);
        }
    }
    count
}
