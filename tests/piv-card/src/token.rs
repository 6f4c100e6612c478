//! The token: power, applications, chained commands and answers.

use std::io;

use crate::apdu::{Answer, Command, Status};
use crate::card::Card;
use crate::lies::Lie;
use crate::log::Log;
use crate::management::Proof;
use crate::memory::Memory;

/// What PC/SC sees first: that of a YubiKey, which offers T=1.
pub const ATR: [u8; 23] = [
    0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 0x80, 0x73, 0xc0, 0x21, 0xc0, 0x57, 0x59, 0x75, 0x62, 0x69,
    0x4b, 0x65, 0x79, 0x40,
];

const PIV: [u8; 11] = [0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
const PIV_SHORTEST: usize = 5;
const MANAGEMENT: [u8; 8] = [0xa0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];
/// Which application this is, and who assigns its number.
const PIV_TEMPLATE: [u8; 19] =
    [0x61, 0x11, 0x4f, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x79, 0x07, 0x4f, 0x05, 0xa0, 0x00, 0x00, 0x03, 0x08];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    Piv,
    Management,
}

/// What is lost without power, or when another application is selected.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The PIN was right.
    pub(crate) verified: bool,
    /// The PIN was right, and no key was used since.
    pub(crate) just_verified: bool,
    pub(crate) management: Proof,
}

/// What a command leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// Bytes, with the status at their end.
    Bytes(Vec<u8>),
    /// None: the card was pulled.
    Removed,
}

/// A token with its memory. [`respond`](Token::respond) is all that a reader needs.
#[derive(Debug)]
pub struct Token {
    pub(crate) card: Card,
    pub(crate) memory: Memory,
    pub(crate) log: Log,
    pub(crate) session: Session,
    pub(crate) removed: bool,
    selected: Option<Application>,
    /// The parts of a chained command that have come.
    command: Vec<u8>,
    /// The rest of a long answer.
    rest: Vec<u8>,
}

impl Token {
    /// Makes the token, or finds it as its file says.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn new(card: Card) -> io::Result<Self> {
        let found = card.state.as_deref().map(Memory::read).transpose()?.flatten();
        let fresh = found.is_none();
        let memory = found.unwrap_or_else(|| Memory::first(&card));
        let mut token = Self {
            log: Log::to(card.log.clone()),
            card,
            memory,
            session: Session::default(),
            removed: false,
            selected: None,
            command: Vec::new(),
            rest: Vec::new(),
        };
        if fresh {
            token.certify_first_keys();
            token.keep()?;
        }
        Ok(token)
    }

    /// What is done with it, as it happens.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// The same token, which from now on does what it should.
    #[must_use]
    pub fn honest(mut self) -> Self {
        self.card.lies.clear();
        self
    }

    /// Takes the power away, or gives it: all that was proved is forgotten.
    pub fn reset(&mut self) {
        self.selected = None;
        self.session = Session::default();
        self.command.clear();
        self.rest.clear();
    }

    /// Answers one command.
    pub fn respond(&mut self, bytes: &[u8]) -> Response {
        let Some(command) = Command::parse(bytes) else {
            return Response::Bytes(Status::WRONG_LENGTH.0.to_be_bytes().to_vec());
        };
        let longest = command.longest;
        let answer = self.take(command);
        if self.keep().is_err() {
            self.log.say("the state could not be kept".to_owned());
            self.removed = true;
        }
        if self.removed {
            self.log.say("removed".to_owned());
            return Response::Removed;
        }
        let (mut data, status) = match answer {
            Ok(data) => (data, Status::SUCCESS),
            Err(status) => (Vec::new(), status),
        };
        if data.len() <= longest {
            data.extend(status.0.to_be_bytes());
        } else {
            self.rest = data.split_off(longest);
            let left = u8::try_from(self.rest.len()).unwrap_or(0);
            data.extend([0x61, left]);
        }
        Response::Bytes(data)
    }

    fn keep(&self) -> io::Result<()> {
        self.card.state.as_deref().map_or(Ok(()), |file| self.memory.write(file))
    }

    /// Puts chained commands together, and hands out the rest of answers.
    fn take(&mut self, mut command: Command) -> Answer {
        let rest = std::mem::take(&mut self.rest);
        if command.instruction == 0xc0 {
            return if rest.is_empty() { Err(Status::CONDITIONS) } else { Ok(rest) };
        }
        if command.class & 0x10 != 0 {
            self.command.extend_from_slice(&command.data);
            return Ok(Vec::new());
        }
        let mut whole = std::mem::take(&mut self.command);
        whole.append(&mut command.data);
        command.data = whole;
        match (command.instruction, self.selected) {
            (0xa4, _) => self.select(&command),
            (_, Some(Application::Piv)) => self.piv(&command),
            (0x1d, Some(Application::Management)) => Ok(self.configuration()),
            (_, Some(Application::Management) | None) => Err(Status::UNKNOWN_INSTRUCTION),
        }
    }

    fn select(&mut self, command: &Command) -> Answer {
        let name = &command.data;
        let is_piv = name.len() >= PIV_SHORTEST && PIV.starts_with(name) && !self.card.lies_with(Lie::NoPiv);
        let is_management = *name == MANAGEMENT;
        if command.p1 != 0x04 || !(is_piv || is_management) {
            return Err(Status::NO_SUCH_OBJECT);
        }
        self.session = Session::default();
        if is_piv {
            self.selected = Some(Application::Piv);
            return Ok(PIV_TEMPLATE.to_vec());
        }
        self.selected = Some(Application::Management);
        let crate::Firmware(major, minor, patch) = self.card.firmware;
        Ok(format!("Virtual mgr - FW version {major}.{minor}.{patch}").into_bytes())
    }

    /// What the management application says of the token: PIV alone is there.
    fn configuration(&self) -> Vec<u8> {
        let crate::Firmware(major, minor, patch) = self.card.firmware;
        let mut about = vec![0x01, 0x02, 0x00, 0x10, 0x03, 0x02, 0x00, 0x10, 0x02, 0x04];
        about.extend(self.card.serial.to_be_bytes());
        about.extend([0x04, 0x01, self.card.form_factor, 0x05, 0x03, major, minor, patch, 0x0a, 0x01, 0x00]);
        let length = u8::try_from(about.len()).unwrap_or(u8::MAX);
        about.insert(0, length);
        about
    }
}
