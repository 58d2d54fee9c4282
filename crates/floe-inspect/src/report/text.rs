//! The report as one page of plain text.

use std::fmt::{Display, Write as _};

use super::page::{self, Fact};
use crate::{Picture, headline};

/// Rows of a table that a page shows; the JSON has all of them.
const ROWS_SHOWN: usize = 100;

/// Writes the report as one page of plain text. Control characters of a record do not get through.
#[must_use]
pub fn text_page(picture: &Picture) -> String {
    let mut page = Page::default();
    page.line(headline(picture).text);
    page.conclusion(picture);
    page.facts("Call", page::call_facts(picture));
    page.table("Pairs", &page::PAIR_COLUMNS, page::pair_rows(picture));
    page.table("Restarts", &page::RESTART_COLUMNS, page::restart_rows(picture));
    page.facts("What the other side says", page::peer_facts(picture));
    page.facts("Each direction", page::direction_facts(picture));
    page.table("Both ends of each pair", &page::BOTH_ENDS_COLUMNS, page::both_ends_rows(picture));
    page.table("Our candidates", &page::CANDIDATE_COLUMNS, page::candidate_rows(&picture.local_candidates));
    page.table("Their candidates", &page::CANDIDATE_COLUMNS, page::candidate_rows(&picture.remote_candidates));
    page.table("Servers", &page::SERVER_COLUMNS, page::server_rows(picture));
    page.table("Timeline", &page::MARKER_COLUMNS, page::marker_rows(picture));
    page.table("RFC findings", &page::LINT_COLUMNS, page::lint_rows(picture));
    page.facts("Counts", page::count_facts(picture));
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: impl Display) {
        let text = text.to_string();
        self.0.extend(text.chars().map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }));
        self.0.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.0.push('\n');
        self.line(title);
        self.line("-".repeat(title.chars().count()));
    }

    fn conclusion(&mut self, picture: &Picture) {
        let conclusion = page::Conclusion::of(picture);
        if let Some(code) = &conclusion.code {
            self.line(format!("Failure code {code}"));
        }
        for bit in &conclusion.bits {
            self.line(format!("  {}  {}", bit.id, bit.meaning));
        }
        let Some((first, others)) = conclusion.findings.split_first() else { return };
        self.heading("Cause");
        self.line(format!("{} ({}): {}", first.id, first.confidence.name(), first.evidence));
        self.line(format!("What to do: {}", first.advice));
        for finding in others {
            self.line(format!("Also {} ({}): {}", finding.id, finding.confidence.name(), finding.evidence));
        }
    }

    fn facts(&mut self, title: &str, facts: Vec<Fact>) {
        if facts.is_empty() {
            return;
        }
        self.heading(title);
        let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in facts {
            self.line(format!("{name:width$}  {value}"));
        }
    }

    fn table<const N: usize>(&mut self, title: &str, columns: &[&str; N], rows: Vec<[String; N]>) {
        if rows.is_empty() {
            return;
        }
        self.heading(title);
        let left_out = rows.len().saturating_sub(ROWS_SHOWN);
        let shown = &rows[..rows.len() - left_out];
        let width = |column: usize| {
            let cells = shown.iter().map(|row| row[column].chars().count());
            cells.chain([columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        self.line(row_of(&columns.map(str::to_owned), &widths));
        for row in shown {
            self.line(row_of(row, &widths));
        }
        if left_out > 0 {
            self.line(format!("({left_out} more in the JSON report)"));
        }
    }
}

fn row_of<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(line, "{cell:width$}  ");
    }
    line.trim_end().to_owned()
}
