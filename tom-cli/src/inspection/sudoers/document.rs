//! The JSON that `cvtsudoers -f json` writes.

use super::{Member, Subject, SudoCommand, SudoDefault, SudoRule, Sudoers};
use serde_json::{Map, Value};

/// Reads it; nothing where something is not as it is known to be.
pub(super) fn parse(json: &str) -> Option<Sudoers> {
    let document: Value = serde_json::from_str(json).ok()?;
    let document = document.as_object()?;
    let mut sudoers = Sudoers::default();
    for entry in list(document, "Defaults")? {
        let binding = members(entry.as_object()?, "Binding")?;
        for option in list(entry.as_object()?, "Options")? {
            for (name, value) in option.as_object()?.iter().filter(|(name, _)| *name != "operation") {
                let (name, value) = (name.clone(), text(value));
                sudoers.defaults.push(SudoDefault { binding: binding.clone(), name, value });
            }
        }
    }
    for entry in list(document, "User_Specs")? {
        let users = members(entry.as_object()?, "User_List")?;
        for specification in list(entry.as_object()?, "Cmnd_Specs")? {
            let specification = specification.as_object()?;
            let options = list(specification, "Options")?;
            let authenticate = options.iter().filter_map(|option| option.get("authenticate")?.as_bool()).next_back();
            sudoers.rules.push(SudoRule {
                users: users.clone(),
                run_as_users: members(specification, "runasusers")?,
                run_as_groups: members(specification, "runasgroups")?,
                commands: list(specification, "Commands")?.iter().map(command).collect::<Option<_>>()?,
                authenticate,
            });
        }
    }
    Some(sudoers)
}

/// A list that may be left out.
fn list<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v [Value]> {
    match object.get(name) {
        None => Some(&[]),
        Some(value) => value.as_array().map(Vec::as_slice),
    }
}

fn members(object: &Map<String, Value>, name: &str) -> Option<Vec<Member>> {
    list(object, name)?.iter().map(member).collect()
}

fn member(value: &Value) -> Option<Member> {
    let value = value.as_object()?;
    let negated = is_negated(value);
    let (kind, name) = value.iter().find(|(kind, _)| *kind != "negated")?;
    let number = || name.as_u64().and_then(|number| u32::try_from(number).ok());
    let subject = match (kind.as_str(), name.as_str()) {
        ("username" | "usergroup" | "hostname", Some("ALL")) => Subject::All,
        ("username", Some(name)) => Subject::User(name.to_owned()),
        ("usergroup", Some(name)) => Subject::Group(name.to_owned()),
        ("userid", _) => Subject::Uid(number()?),
        ("usergid", _) => Subject::Gid(number()?),
        _ => Subject::Other(kind.clone(), text(name)),
    };
    Some(Member { subject, negated })
}

fn command(value: &Value) -> Option<SudoCommand> {
    let value = value.as_object()?;
    let text = value.get("command")?.as_str()?.to_owned();
    Some(SudoCommand { text, negated: is_negated(value) })
}

fn is_negated(value: &Map<String, Value>) -> bool {
    value.get("negated").and_then(Value::as_bool).unwrap_or(false)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
