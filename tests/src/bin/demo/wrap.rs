//! Tables that are too wide for the page, broken between two columns.

/// `text` within `width` columns. A paragraph with a longer line is a table: it is broken before the first
/// column that does not fit, and what follows is indented; a last column of words, and prose, is filled.
pub(crate) fn within(width: usize, text: &str) -> String {
    let paragraphs: Vec<String> = text.split("\n\n").map(|lines| paragraph(width, lines)).collect();
    paragraphs.join("\n\n")
}

fn paragraph(width: usize, text: &str) -> String {
    let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    if lines.iter().all(|line| line.len() <= width) {
        return text.to_owned();
    }
    let end = if text.ends_with('\n') { "\n" } else { "" };
    let columns = columns(&lines);
    if columns.is_empty() {
        let prose = lines.iter().map(|line| {
            let (indent, words) = line.split_at(line.iter().take_while(|c| **c == ' ').count());
            filled(width, indent, &seen(words))
        });
        return prose.collect::<Vec<_>>().join("\n") + end;
    }
    let fits = |start: &usize| lines.iter().all(|line| seen(&line[..line.len().min(*start)]).len() <= width);
    let last = columns.iter().copied().rfind(fits).unwrap_or(0);
    let is_last_column = columns.last() == Some(&last);
    let broken = lines.iter().map(|line| {
        let (left, right) = line.split_at(line.len().min(last));
        let right = seen(right);
        if is_last_column {
            filled(width, left, &right)
        } else if right.is_empty() {
            seen(left)
        } else {
            format!("{}\n      {right}", seen(left))
        }
    });
    broken.collect::<Vec<_>>().join("\n") + end
}

/// Where columns start: a character after two spaces or more in all lines.
fn columns(lines: &[Vec<char>]) -> Vec<usize> {
    let longest = lines.iter().map(Vec::len).max().unwrap_or(0);
    let is_blank = |column: usize| lines.iter().all(|line| line.get(column).is_none_or(|c| *c == ' '));
    (2..longest).filter(|column| !is_blank(*column) && is_blank(column - 1) && is_blank(column - 2)).collect()
}

/// `right` word by word beside `left`; where a word is too long for that it starts further to the left.
fn filled(width: usize, left: &[char], right: &str) -> String {
    let mut text: String = left.iter().collect();
    let longest = right.split(' ').map(str::len).max().unwrap_or(0);
    let indent = left.len().min(width.saturating_sub(longest));
    let mut used = left.len();
    for (number, word) in right.split(' ').enumerate() {
        if number > 0 && used + 1 + word.len() > width {
            text = format!("{}\n{}", text.trim_end(), " ".repeat(indent));
            used = indent;
        } else if number > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += word.len();
    }
    text.trim_end().to_owned()
}

fn seen(line: &[char]) -> String {
    line.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays() {
        assert_eq!(within(20, "a  b\n\nc  d\n"), "a  b\n\nc  d\n");
    }

    #[test]
    fn a_wide_table_is_broken_between_columns() {
        let table = "WHO   FROM        WITH  HOW\nanna  everywhere  key   fast\n";
        assert_eq!(within(17, table), "WHO   FROM\n      WITH  HOW\nanna  everywhere\n      key   fast\n");
    }

    #[test]
    fn prose_is_filled() {
        assert_eq!(within(10, "VERDICT by\n  one two three\n"), "VERDICT by\n  one two\n  three\n");
    }

    #[test]
    fn a_last_column_of_words_is_filled() {
        let table = "rule 1  one two three four\nrule 2  five\n";
        assert_eq!(within(16, table), "rule 1  one two\n        three\n        four\nrule 2  five\n");
        assert_eq!(within(16, "rule 1  one twothreefour\nrule 2  x\n"), "rule 1  one\n    twothreefour\nrule 2  x\n");
    }
}
