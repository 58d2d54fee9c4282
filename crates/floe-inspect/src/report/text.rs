//! The report as one page of plain text.

use std::fmt::{Display, Write as _};

use super::page::{self, Section};
use crate::{Picture, headline};

/// Rows of a table that a page shows; the JSON has all of them.
const ROWS_SHOWN: usize = 100;

/// Writes the report as one page of plain text. Control characters of a record do not get through.
#[must_use]
pub fn text_page(picture: &Picture) -> String {
    let mut page = Page::default();
    page.line(headline(picture).text);
    page.conclusion(picture);
    page::sections(picture).iter().for_each(|section| page.section(section));
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

    fn section(&mut self, section: &Section) {
        self.heading(section.title);
        let left_out = section.rows.len().saturating_sub(ROWS_SHOWN);
        let shown = &section.rows[..section.rows.len() - left_out];
        let header = section.columns.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let lines: Vec<Vec<String>> = header.chain(shown.iter().cloned()).collect();
        let columns = lines.first().map_or(0, Vec::len);
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns).map(width).collect();
        lines.iter().for_each(|line| self.line(row_of(line, &widths)));
        if left_out > 0 {
            self.line(format!("({left_out} more in the JSON report)"));
        }
    }
}

fn row_of(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(line, "{cell:width$}  ");
    }
    line.trim_end().to_owned()
}
