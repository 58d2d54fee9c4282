//! Rules about single files: heads, lengths, names that belong elsewhere, things left unfinished.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// A text file of the project.
pub struct File {
    /// From the root of the workspace, with `/` between folders.
    path: String,
    text: String,
}

/// Folders that hold nothing people wrote.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target"];
/// Files whose text people wrote.
const TEXT_EXTENSIONS: &[&str] = &["rs", "toml", "md", "sh", "yml", "yaml", "json", "desktop", "ps1", "snap", "txt"];
/// Beyond this length a file is listed: does it still hold one noun?
const LONG: usize = 600;
/// Beyond this length its head must say why.
const TOO_LONG: usize = 1000;
/// How the head of a very long file begins its reason.
const REASON: &str = "//! Long because";
/// The only places that may name the ICE engine: where it is used, and where it is measured by itself.
const ENGINE_MODULE: &[&str] =
    &["crates/floe-path/src/agent.rs", "crates/floe-path/src/agent/", "packaging/bench/src/plain.rs"];
/// The engine and its helper library, as paths in code; a log filter may name them.
const ENGINE_NAMES: &[&str] = &[concat!("webrtc", "_ice::"), concat!("webrtc", "_util::")];
/// Things that say that something is missing; split so that this file does not find itself.
const UNFINISHED: &[&str] =
    &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("TO", "DO"), concat!("FIX", "ME")];
/// Paths that exist on one machine only.
const FOREIGN_PATHS: &[&str] = &[concat!("/wo", "rk/")];
/// What writes to the terminal.
const PRINTING: &[&str] = &["println!(", "print!(", "dbg!("];

/// All text files below `root`, by path.
pub fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    read_folder(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                read_folder(root, &path, files)?;
            }
        } else if is_text(&path) {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(File { path: relative, text });
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    TEXT_EXTENSIONS.contains(&&*extension)
        || path.parent().is_some_and(|folder| folder.file_name().is_some_and(|name| name == ".ci"))
}

/// Files that are long enough to be asked about, the longest first.
pub fn notices(files: &[File]) -> Vec<String> {
    let mut long: Vec<_> = files.iter().filter(|file| file.is_rust() && file.lines() > LONG).collect();
    long.sort_by_key(|file| std::cmp::Reverse(file.lines()));
    long.iter().map(|file| format!("{} has {} lines; is it still one noun?", file.path, file.lines())).collect()
}

/// Every rule that the file breaks, as a sentence with its place.
pub fn broken(file: &File) -> Vec<String> {
    let mut findings = file.mentions(FOREIGN_PATHS, "names a path of one machine");
    if !file.is_rust() {
        return findings;
    }
    findings.extend(file.head());
    findings.extend(file.length());
    findings.extend(file.mentions(UNFINISHED, "is unfinished"));
    if !ENGINE_MODULE.iter().any(|module| file.path.starts_with(module)) {
        findings.extend(file.code_mentions(ENGINE_NAMES, "is named outside floe-path's agent"));
    }
    if file.is_library() {
        findings.extend(file.code_mentions(PRINTING, "in a library: return it, or trace it"));
    }
    findings
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Code that other crates link; its tests and small programs beside it may print.
    fn is_library(&self) -> bool {
        let is_program = self.path.contains("/src/bin/");
        let is_test = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        self.path.starts_with("crates/") && self.path.contains("/src/") && !is_program && !is_test
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }

    fn head(&self) -> Option<String> {
        (!self.text.starts_with("//! ")).then(|| format!("{}:1: the first line is not a `//!` sentence", self.path))
    }

    fn length(&self) -> Option<String> {
        let has_reason =
            self.text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.starts_with(REASON));
        (self.lines() > TOO_LONG && !has_reason)
            .then(|| format!("{}: {} lines without a `{REASON} …` in its head", self.path, self.lines()))
    }

    /// Each line with one of the words, wherever it stands.
    fn mentions(&self, words: &[&str], why: &str) -> Vec<String> {
        self.found(self.text.lines(), words, why)
    }

    /// Each line of code with one of the words: not in comments, and not in the tests at the end of the file.
    fn code_mentions(&self, words: &[&str], why: &str) -> Vec<String> {
        let code = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        self.found(code.map(|line| if line.trim_start().starts_with("//") { "" } else { line }), words, why)
    }

    fn found<'a>(&self, lines: impl Iterator<Item = &'a str>, words: &[&str], why: &str) -> Vec<String> {
        let hits = lines.enumerate().filter_map(|(index, line)| {
            let word = words.iter().find(|word| line.contains(**word))?;
            Some(format!("{}:{}: `{word}` {why}", self.path, index + 1))
        });
        hits.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    /// What tidy says about a library file with this text after its head.
    fn library(text: &str) -> Vec<String> {
        broken(&file("crates/floe-wire/src/demux.rs", &format!("//! Tells protocols apart.\n{text}")))
    }

    #[test]
    fn a_file_that_keeps_the_rules_is_not_mentioned() {
        assert_eq!(library("pub fn kind() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn the_first_line_says_what_the_file_is_for() {
        assert_eq!(broken(&file("app/src/main.rs", "fn main() {}\n")).len(), 1);
        assert_eq!(broken(&file("app/src/main.rs", "")).len(), 1);
    }

    #[test]
    fn what_is_unfinished_is_found_in_code_and_in_comments() {
        for word in UNFINISHED {
            assert_eq!(library(&format!("// {word}\n")).len(), 1, "{word}");
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_text() {
        let text = format!("see {}notes\n", FOREIGN_PATHS[0]);

        assert_eq!(broken(&file("README.md", &text)).len(), 1);
        assert_eq!(library(&format!("// {text}")).len(), 1);
    }

    #[test]
    fn the_engine_is_named_in_its_module_only() {
        let code = format!("//! Drives.\nuse {}agent::Agent;\n", ENGINE_NAMES[0]);

        assert_eq!(broken(&file("crates/floe-call/src/lib.rs", &code)).len(), 1);
        assert_eq!(broken(&file("crates/floe-path/src/gate.rs", &code)).len(), 1);
        assert!(broken(&file("crates/floe-path/src/agent.rs", &code)).is_empty());
        assert!(broken(&file("crates/floe-path/src/agent/conn.rs", &code)).is_empty());
    }

    #[test]
    fn comments_may_talk_about_the_engine() {
        assert!(library(&format!("/// Unlike {}.\n", ENGINE_NAMES[0])).is_empty());
    }

    #[test]
    fn libraries_do_not_print_but_their_tests_and_the_program_may() {
        let print = "println!(\"hello\");\n";

        assert_eq!(library(print).len(), 1);
        assert!(library(&format!("#[cfg(test)]\nmod tests {{ {print} }}\n")).is_empty());
        assert!(broken(&file("crates/floe-wire/src/demux/tests.rs", &format!("//! Tests.\n{print}"))).is_empty());
        assert!(broken(&file("app/src/main.rs", &format!("//! Starts.\n{print}"))).is_empty());
    }

    #[test]
    fn a_very_long_file_needs_a_reason_in_its_head() {
        let body = "\n".repeat(TOO_LONG);

        assert_eq!(library(&body).len(), 1);
        assert!(library(&format!("{REASON} the table is one.\n{body}")).is_empty());
    }

    #[test]
    fn a_long_file_is_listed() {
        let long = file("app/src/long.rs", &"\n".repeat(LONG + 1));
        let short = file("app/src/short.rs", &"\n".repeat(LONG));

        assert_eq!(notices(&[short, long]), ["app/src/long.rs has 601 lines; is it still one noun?"]);
    }
}
