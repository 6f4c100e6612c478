//! The PAM stacks of all services, as Linux-PAM puts them together.
//!
//! What: each service's lines in order, with `@include`, `include` and `substack` resolved, and file and line of each.
//! Why: whether pam_tom is asked, and whether its refusal stands, depends on every line before and behind it.

mod control;
mod outcome;

pub(crate) use control::{Action, Control};
pub(crate) use outcome::{Answers, success};

use super::InspectionError;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where services are configured; the first counts.
const DIRECTORIES: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];
/// The service that stands in where another says nothing of a phase.
const OTHER: &str = "other";
/// Linux-PAM's own bound.
const DEEPEST_INCLUDE: usize = 32;
/// The control of a line that decides nothing.
const NOTHING: &str = "[default=ignore]";
/// Parts of other services, no services themselves.
const PART: &str = "common-";

/// A phase of PAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Auth,
    Account,
    Session,
    Password,
}

impl Phase {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Session, Self::Password];

    /// As it stands in the files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Session => "session",
            Self::Password => "password",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name().eq_ignore_ascii_case(text))
    }
}

/// One line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What follows the module's answer; nothing if PAM does not understand the line.
    pub(crate) control: Option<Control>,
    /// The control as it is written.
    pub(crate) control_text: String,
    /// As it is written: a name or a path; empty for the line that begins a substack.
    pub(crate) module: String,
    pub(crate) arguments: Vec<String>,
    /// `-` before the phase: not told of if the module is missing.
    pub(crate) silent: bool,
    pub(crate) file: PathBuf,
    /// From 1.
    pub(crate) number: usize,
    /// In how many substacks it is.
    pub(crate) depth: usize,
}

impl Line {
    /// The name of the module's file, without directories.
    pub(crate) fn module_name(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or(&self.module)
    }

    /// `file:line`
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.number)
    }
}

/// What PAM goes through for one phase of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) lines: Vec<Line>,
    /// The service says nothing of this phase, and `other` stands in.
    pub(crate) of_other: bool,
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    stacks: BTreeMap<Phase, Stack>,
    /// What PAM cannot read of it: it then refuses.
    pub(crate) faults: Vec<String>,
}

impl Service {
    /// What PAM goes through for a phase.
    pub(crate) fn stack(&self, phase: Phase) -> &Stack {
        const EMPTY: &Stack = &Stack { lines: Vec::new(), of_other: false };
        self.stacks.get(&phase).unwrap_or(EMPTY)
    }
}

/// All services, by name.
pub(crate) fn services() -> Result<Vec<Service>, InspectionError> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        let failed = |source| InspectionError::File { path: directory.into(), source };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory != "/etc/pam.d" => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !is_left_behind(name) && !name.starts_with(PART) && path.is_file() {
                files.entry(name.to_owned()).or_insert(path);
            }
        }
    }
    let other = match files.get(OTHER) {
        Some(path) => read(OTHER, path)?,
        None => Service { name: OTHER.to_owned(), file: PathBuf::new(), stacks: BTreeMap::new(), faults: Vec::new() },
    };
    let mut services = Vec::new();
    for (name, path) in &files {
        let mut service = read(name, path)?;
        for phase in Phase::ALL {
            if service.stack(phase).lines.is_empty() {
                let stack = Stack { of_other: true, ..other.stack(phase).clone() };
                service.stacks.insert(phase, stack);
            }
        }
        services.push(service);
    }
    Ok(services)
}

/// What editors and dpkg leave beside files: PAM reads it as a service of that name, which no program asks for.
fn is_left_behind(name: &str) -> bool {
    let endings = [".dpkg-dist", ".dpkg-old", ".dpkg-new", ".dpkg-tmp", ".bak", ".orig", ".ucf-dist", ".ucf-old", "~"];
    name.is_empty() || name.starts_with('.') || endings.iter().any(|ending| name.ends_with(ending))
}

fn read(name: &str, path: &Path) -> Result<Service, InspectionError> {
    let mut service = Service { name: name.to_owned(), file: path.into(), stacks: BTreeMap::new(), faults: Vec::new() };
    add_file(&mut service, path, None, 0, 0)?;
    Ok(service)
}

/// Adds the lines of a file: of all phases, or of one.
fn add_file(
    service: &mut Service,
    path: &Path,
    only: Option<Phase>,
    depth: usize,
    nesting: usize,
) -> Result<(), InspectionError> {
    if nesting > DEEPEST_INCLUDE {
        service.faults.push(format!("{}: files include each other without end", path.display()));
        return Ok(());
    }
    let bytes = fs::read(path).map_err(|source| InspectionError::File { path: path.into(), source })?;
    for (number, text) in logical_lines(&String::from_utf8_lossy(&bytes)) {
        let place = format!("{}:{number}", path.display());
        let mut rest = text.as_str();
        if let Some(included) = rest.strip_prefix("@include") {
            include(service, included.trim(), &place, (only, depth, nesting))?;
            continue;
        }
        let first = take_word(&mut rest).unwrap_or_default();
        let (silent, first) = match first.strip_prefix('-') {
            Some(first) => (true, first.to_owned()),
            None => (false, first),
        };
        let Some(phase) = Phase::parse(&first) else {
            service.faults.push(format!("{place}: {first:?} is no phase of PAM"));
            continue;
        };
        if only.is_some_and(|only| only != phase) {
            continue;
        }
        let control_text = take_word(&mut rest).unwrap_or_default();
        let Some(name) = take_word(&mut rest) else {
            service.faults.push(format!("{place}: a line without a module"));
            continue;
        };
        match control_text.to_ascii_lowercase().as_str() {
            "include" => include(service, &name, &place, (Some(phase), depth, nesting))?,
            "substack" => {
                // To jumps it is one line, and between two of them it keeps them apart.
                let (control, file) = (Control::parse(NOTHING), path.into());
                let (module, arguments) = (String::new(), Vec::new());
                let mark = Line { control, control_text, module, arguments, silent, file, number, depth };
                service.stacks.entry(phase).or_default().lines.push(mark);
                include(service, &name, &place, (Some(phase), depth.saturating_add(1), nesting))?;
            }
            _ => {
                let mut arguments = Vec::new();
                while let Some(argument) = take_word(&mut rest) {
                    arguments.push(argument);
                }
                let control = Control::parse(&control_text);
                let (module, file) = (name, path.into());
                let line = Line { control, control_text, module, arguments, silent, file, number, depth };
                service.stacks.entry(phase).or_default().lines.push(line);
            }
        }
    }
    Ok(())
}

fn include(
    service: &mut Service,
    name: &str,
    place: &str,
    (only, depth, nesting): (Option<Phase>, usize, usize),
) -> Result<(), InspectionError> {
    let found = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.exists());
    match found {
        Some(path) => add_file(service, &path, only, depth, nesting.saturating_add(1)),
        None => {
            service.faults.push(format!("{place}: the file {name:?} that it includes is missing"));
            Ok(())
        }
    }
}

/// Lines without comments and empty ones, with those that end in `\` joined; the number is of the first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let (line, goes_on) = match line.trim_end().strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line.trim_end(), false),
        };
        let (number, mut joined) = open.take().unwrap_or((index.saturating_add(1), String::new()));
        joined.push_str(line);
        if goes_on {
            joined.push(' ');
            open = Some((number, joined));
        } else {
            lines.push((number, joined.trim().to_owned()));
        }
    }
    lines.extend(open);
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// The next word, or what stands in brackets, which keep their brackets.
fn take_word(rest: &mut &str) -> Option<String> {
    let text = rest.trim_start();
    if text.is_empty() {
        return None;
    }
    let end = if text.starts_with('[') {
        let mut escaped = false;
        let close = text.char_indices().find(|(_, c)| {
            let closes = *c == ']' && !escaped;
            escaped = *c == '\\';
            closes
        });
        close.map_or(text.len(), |(index, _)| index.saturating_add(1))
    } else {
        text.find(char::is_whitespace).unwrap_or(text.len())
    };
    let (word, after) = text.split_at_checked(end)?;
    *rest = after;
    Some(word.to_owned())
}

/// A stack from lines `control module arguments`, for tests; a `>` in front for each substack.
#[cfg(test)]
pub(crate) fn parse_stack(text: &str) -> Stack {
    let mut lines = Vec::new();
    for (number, line) in logical_lines(text) {
        let depth = line.chars().take_while(|c| *c == '>').count();
        let mut rest = line.trim_start_matches('>');
        let control_text = take_word(&mut rest).unwrap();
        let module = take_word(&mut rest).unwrap();
        let arguments = std::iter::from_fn(|| take_word(&mut rest)).collect();
        let (control, file) = (Control::parse(&control_text), "test".into());
        lines.push(Line { control, control_text, module, arguments, silent: false, file, number, depth });
    }
    Stack { lines, of_other: false }
}

#[cfg(test)]
mod tests;
