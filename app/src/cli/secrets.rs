//! Mistakes on the command line, told without what may be a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};

/// What stands in place of a value that is not repeated.
const HIDDEN: &str = "… (not shown: it may hold a password)";

/// Options whose values are URLs or secrets, or that are meant where one of those is misspelt.
const SECRETIVE: [&str; 4] = ["--turn", "--stun", "--web", "--code"];

/// The error with values hidden that may hold a password: terminals are logged, and other people look at them.
pub(super) fn hide(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let option = text(&error, ContextKind::InvalidArg).unwrap_or_default();
    // A word that belongs to no option may belong to the one before it.
    let is_of_a_server = arguments.iter().any(|argument| argument.to_string_lossy().starts_with("--turn"));
    let is_stray = |word: &str| !word.starts_with('-') && is_of_a_server;
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let Some(word) = text(&error, kind) else { continue };
        let is_value = kind == ContextKind::InvalidValue;
        let is_secretive = is_value && SECRETIVE.iter().any(|name| option.starts_with(name));
        if is_secretive || word.contains('@') || (!is_value && is_stray(&word)) {
            error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Arguments;

    /// What the program says of these arguments.
    fn said(arguments: &[&str]) -> String {
        let all: Vec<OsString> = ["floe"].iter().chain(arguments).map(OsString::from).collect();
        hide(Arguments::try_parse_from(&all).expect_err("it is a mistake"), &all).to_string()
    }

    #[test]
    fn what_may_hold_a_password_is_not_repeated() {
        for arguments in [
            &["call", "--stun", "turn:alice:hunter2@host"][..],
            &["call", "--stun=stun:alice:hunter2@host"],
            &["call", "--web", "http://alice:hunter2@host/"],
            &["probe", "--stun", "turn:alice:hunter2"],
            &["call", "turn:alice:hunter2@host"],
            &["call", "--turn", "turn:host", "--turn-user", "alice", "hunter2"],
            &["call", "--turn-pasword", "hunter2"],
            &["call", "--turn-pasword=hunter2"],
            &["call", "--trun=turn:alice:hunter2@host"],
            &["call", "--turn-password", "hunter2"],
            &["turn:alice:hunter2@host"],
            &["--demo", "turn:alice:hunter2@host"],
        ] {
            let said = said(arguments);
            assert!(!said.contains("hunter2") && said.contains("error:"), "{arguments:?}: {said}");
        }
    }

    #[test]
    fn what_cannot_hold_one_is_repeated() {
        for (arguments, words) in [
            (&["call", "--privacy", "all"][..], "'all'"),
            (&["report", "a", "b"], "'b'"),
            (&["cal"], "'cal'"),
            (&["call", "--sconds", "3"], "'--sconds'"),
        ] {
            let said = said(arguments);
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    }

    #[test]
    fn the_kind_of_mistake_is_said() {
        let said = said(&["call", "--stun", "turn:alice:hunter2@host"]);
        assert!(said.contains("for '--stun <URL>'") && said.contains("this is a TURN server"), "{said}");
    }
}
