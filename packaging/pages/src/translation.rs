//! A command line in another language: the same commands and flags, with every text that a person reads replaced
//! from a table. A text without a translation, and a translation without a text, are errors, so that the table cannot
//! drift from the flags.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, Command};
use std::collections::BTreeSet;

/// A text and its translation.
pub(crate) type Row = (&'static str, &'static str);

/// What clap adds by itself.
const OF_CLAP: [&str; 4] =
    ["Print help", "Print help (see a summary with '-h')", "Print help (see more with '--help')", "Print version"];

/// Every text of the command line that its pages show, below hidden commands too where `tom` shows them to nobody.
pub(crate) fn texts(command: &Command) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(&built(command), &mut found);
    found
}

fn collect(command: &Command, found: &mut BTreeSet<String>) {
    let own = [command.get_about(), command.get_long_about()];
    found.extend(own.into_iter().flatten().map(ToString::to_string));
    for argument in command.get_arguments() {
        let own = [argument.get_help(), argument.get_long_help()];
        found.extend(own.into_iter().flatten().map(ToString::to_string));
        let values = argument.get_possible_values();
        found.extend(values.iter().filter_map(PossibleValue::get_help).map(ToString::to_string));
    }
    for subcommand in command.get_subcommands() {
        collect(subcommand, found);
    }
}

/// What is wrong with a table: texts that it lacks, rows that no text has any more, rows that say nothing.
pub(crate) fn faults(command: &Command, table: &[Row]) -> Vec<String> {
    let texts = texts(command);
    let known: BTreeSet<&str> = table.iter().map(|(text, _)| *text).collect();
    let mut faults: Vec<String> = texts
        .iter()
        .filter(|text| !known.contains(text.as_str()))
        .map(|text| format!("no translation of {text:?}"))
        .collect();
    let of_clap = |text: &str| OF_CLAP.contains(&text);
    let gone = known.iter().filter(|text| !texts.contains(**text) && !of_clap(text));
    faults.extend(gone.map(|text| format!("no help says {text:?} any more")));
    let empty = table.iter().filter(|(_, translation)| translation.trim().is_empty());
    faults.extend(empty.map(|(text, _)| format!("an empty translation of {text:?}")));
    if known.len() != table.len() {
        faults.push("a text is there twice".to_owned());
    }
    faults
}

/// The command line in the table's language.
pub(crate) fn translated(command: &Command, table: &[Row]) -> Result<Command, String> {
    let faults = faults(command, table);
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    Ok(with_texts(built(command), table))
}

fn with_texts(command: Command, table: &[Row]) -> Command {
    let about = command.get_about().map(|text| translate(&text.to_string(), table));
    let long_about = command.get_long_about().map(|text| translate(&text.to_string(), table));
    let command = command.mut_args(|argument| argument_with_texts(argument, table));
    let command = command.mut_subcommands(|subcommand| with_texts(subcommand, table));
    let command = about.into_iter().fold(command, Command::about);
    long_about.into_iter().fold(command, Command::long_about)
}

fn argument_with_texts(argument: Arg, table: &[Row]) -> Arg {
    let help = argument.get_help().map(|text| translate(&text.to_string(), table));
    let long_help = argument.get_long_help().map(|text| translate(&text.to_string(), table));
    let values: Vec<PossibleValue> = argument
        .get_possible_values()
        .into_iter()
        .map(|value| match value.get_help().map(|text| translate(&text.to_string(), table)) {
            Some(help) => value.help(help),
            None => value,
        })
        .collect();
    // Flags have the values true and false, which no page shows.
    let shown = argument.get_num_args().is_some_and(|count| count.takes_values()) && !values.is_empty();
    let argument = if shown { argument.value_parser(PossibleValuesParser::new(values)) } else { argument };
    let argument = help.into_iter().fold(argument, Arg::help);
    long_help.into_iter().fold(argument, Arg::long_help)
}

/// The translation. [`faults`] has seen to it that there is one.
fn translate(text: &str, table: &[Row]) -> String {
    let row = table.iter().find(|(english, _)| *english == text);
    row.map_or(text, |(_, translation)| translation).to_owned()
}

/// The visible command line with what clap adds to it.
pub(crate) fn built(command: &Command) -> Command {
    let mut built = visible(command);
    built.build();
    built
}

/// The command line without what `tom --help` does not show.
pub(crate) fn visible(command: &Command) -> Command {
    let mut shown = Command::new(command.get_name().to_owned())
        .args(command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).map(visible))
        .subcommand_required(command.is_subcommand_required_set())
        .disable_help_subcommand(true);
    shown = command.get_about().cloned().into_iter().fold(shown, Command::about);
    shown = command.get_long_about().cloned().into_iter().fold(shown, Command::long_about);
    command.get_version().map(str::to_owned).into_iter().fold(shown, Command::version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use crate::german::GERMAN;
    use clap::CommandFactory;

    #[test]
    fn every_help_has_its_german_and_the_other_way_round() {
        let faults = faults(&Arguments::command(), GERMAN);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn a_flag_without_german_and_german_without_a_flag_are_faults() {
        let with_more = Arguments::command().arg(Arg::new("more").long("more").help("More of it"));
        assert_eq!(faults(&with_more, GERMAN), ["no translation of \"More of it\""]);
        let table = [GERMAN, &[("Less of it", "Weniger davon")]].concat();
        assert_eq!(faults(&Arguments::command(), &table), ["no help says \"Less of it\" any more"]);
        let table = [GERMAN, &[("Print help", "")]].concat();
        assert_eq!(faults(&Arguments::command(), &table).len(), 2);
    }

    #[test]
    fn what_tom_hides_is_in_no_page() {
        let hidden = visible(&Arguments::command());
        assert!(hidden.get_subcommands().all(|command| !["rehearse", "refresh"].contains(&command.get_name())));
        assert!(hidden.get_subcommands().any(|command| command.get_name() == "apply"));
    }
}
