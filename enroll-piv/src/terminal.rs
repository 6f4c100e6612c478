//! Asking for a secret without showing it, and telling the person things.

use rustix::io::{Errno, read};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use zeroize::{Zeroize, Zeroizing};

/// More than any PIN or key has. The memory is taken at once, so that no copy of a secret is left behind by growing.
const LONGEST: usize = 128;

/// One line for the person, on stderr: stdout is read by `tom`.
pub(crate) fn tell(message: &str) {
    // Nothing is left to tell that telling does not work.
    let _ = writeln!(io::stderr(), "{message}");
}

/// Asks on the terminal if there is one, else on stdin. `None` is Ctrl-C, Ctrl-D or the end of the input.
pub(crate) fn ask(prompt: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match File::options().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => ask_at(terminal.as_fd(), &mut &terminal, prompt),
        Err(_) => ask_at(io::stdin().as_fd(), &mut io::stderr(), prompt),
    }
}

fn ask_at(input: BorrowedFd<'_>, output: &mut impl Write, prompt: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Quiet before the prompt: whoever sees the prompt can type. A pipe shows nothing by itself.
    let quiet = Quiet::new(input)?;
    output.write_all(prompt.as_bytes())?;
    output.flush()?;
    let line = read_line(input, quiet.is_some());
    drop(quiet);
    output.write_all(b"\n")?;
    line
}

/// A terminal that shows nothing and hands over each key at once, until this is dropped. Keys make no signals: a
/// program that Ctrl-C ends would leave the terminal mute.
struct Quiet<'fd> {
    terminal: BorrowedFd<'fd>,
    before: Termios,
}

impl<'fd> Quiet<'fd> {
    /// `None` for what is no terminal.
    fn new(terminal: BorrowedFd<'fd>) -> io::Result<Option<Self>> {
        let before = match tcgetattr(terminal) {
            Ok(before) => before,
            Err(Errno::NOTTY) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        modes.local_modes.remove(LocalModes::IEXTEN);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no modes.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn read_line(input: BorrowedFd<'_>, keys: bool) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        match read(input, &mut *byte) {
            // Half a line is no answer.
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match take(&mut line, *byte, keys) {
            Taken::More => {}
            Taken::Line => return Ok(Some(line)),
            Taken::GivenUp => return Ok(None),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    More,
    Line,
    GivenUp,
}

/// One byte of the answer; keys of a terminal also correct it.
fn take(line: &mut Vec<u8>, [byte]: [u8; 1], keys: bool) -> Taken {
    const CTRL_C: u8 = 0x03;
    const CTRL_D: u8 = 0x04;
    const CTRL_U: u8 = 0x15;
    const BACKSPACE: u8 = 0x08;
    const DELETE: u8 = 0x7f;
    match byte {
        b'\n' => return Taken::Line,
        b'\r' if keys => return Taken::Line,
        CTRL_C | CTRL_D if keys => return Taken::GivenUp,
        CTRL_U if keys => {
            line.zeroize();
            line.reserve_exact(LONGEST);
        }
        BACKSPACE | DELETE if keys => {
            // A whole character of UTF-8.
            while line.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
        }
        // What is longer than any secret stays too long for all of them.
        other if line.len() < LONGEST => line.push(other),
        _ => {}
    }
    Taken::More
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::pipe;

    fn typed(bytes: &[u8]) -> (Vec<u8>, Option<Taken>) {
        let mut line = Vec::with_capacity(LONGEST);
        for byte in bytes {
            match take(&mut line, [*byte], true) {
                Taken::More => {}
                end @ (Taken::Line | Taken::GivenUp) => return (line, Some(end)),
            }
        }
        (line, None)
    }

    #[test]
    fn keys_correct_and_give_up() {
        assert_eq!(typed(b"654321\n"), (b"654321".to_vec(), Some(Taken::Line)));
        assert_eq!(typed(b"65x\x7f4321\r"), (b"654321".to_vec(), Some(Taken::Line)));
        assert_eq!(typed("a\u{e9}\u{7f}b\n".as_bytes()), (b"ab".to_vec(), Some(Taken::Line)));
        assert_eq!(typed(b"\x7f\x7f1\n"), (b"1".to_vec(), Some(Taken::Line)));
        assert_eq!(typed(b"wrong\x15right\n"), (b"right".to_vec(), Some(Taken::Line)));
        assert_eq!(typed(b"6543\x04").1, Some(Taken::GivenUp));
        assert_eq!(typed(b"6543\x03").1, Some(Taken::GivenUp));
    }

    #[test]
    fn a_long_line_stays_too_long_and_takes_no_more_memory() {
        let (line, end) = typed(&[vec![b'1'; 5_000], vec![b'\n']].concat());
        assert_eq!((line.len(), end), (LONGEST, Some(Taken::Line)));
    }

    #[test]
    fn lines_of_a_pipe_are_answers_and_half_a_line_is_none() {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"654321\nabc\n\nhalf").unwrap();
        drop(writer);
        let mut shown = Vec::new();
        let mut answer = || ask_at(reader.as_fd(), &mut shown, "PIN: ").unwrap().map(|line| line.to_vec());
        assert_eq!(answer(), Some(b"654321".to_vec()));
        assert_eq!(answer(), Some(b"abc".to_vec()));
        assert_eq!(answer(), Some(Vec::new()));
        assert_eq!(answer(), None);
        assert_eq!(shown, b"PIN: \n".repeat(4));
    }
}
