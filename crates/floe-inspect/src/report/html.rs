//! The report as one self-contained HTML page: no scripts, no requests, light and dark.
//!
//! Everything that stands in a record may come from a stranger, so every text is escaped and the page forbids itself
//! whatever it does not need.

mod escape;
mod grid;
mod style;
mod timeline;

use self::escape::Escaped;
use super::page::{self, Section};
use crate::{Picture, Tone, headline};

/// Rows of a table that a page shows; the JSON has all of them.
const ROWS_SHOWN: usize = 500;

/// Writes the report as one HTML page.
#[must_use]
pub fn html_page(picture: &Picture) -> String {
    let mut page = Page(String::with_capacity(32 << 10));
    page.head(picture);
    page.conclusion(picture);
    page.drawing("Pair grid", grid::draw(picture));
    page.drawing("States over time", timeline::draw(picture));
    page::sections(picture).iter().for_each(|section| page.section(section));
    page.0.push_str("</main>\n</body>\n</html>\n");
    page.0
}

struct Page(String);

impl Page {
    fn head(&mut self, picture: &Picture) {
        let headline = headline(picture);
        let tone = match headline.tone {
            Tone::Idle => "idle",
            Tone::Working => "working",
            Tone::Good => "good",
            Tone::Warning => "warning",
            Tone::Bad => "bad",
        };
        self.0.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        self.0.push_str(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        );
        self.0.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        self.0.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n<title>Floe report</title>\n<style>\n");
        self.0.push_str(style::STYLE);
        self.0.push_str("</style>\n</head>\n<body>\n<main>\n");
        self.0.push_str(&format!("<h1 class=\"{tone}\">{}</h1>\n", Escaped(&headline.text)));
    }

    fn conclusion(&mut self, picture: &Picture) {
        let conclusion = page::Conclusion::of(picture);
        if let Some(first) = conclusion.findings.first() {
            self.0.push_str(&format!("<p class=\"advice\">{}</p>\n", Escaped(&first.advice)));
        }
        if let Some(code) = &conclusion.code {
            let bits: Vec<_> = conclusion.bits.iter().map(|bit| format!("{} {}", bit.id, bit.meaning)).collect();
            let bits = bits.join("; ");
            self.0.push_str(&format!("<p><code>{}</code> {}</p>\n", Escaped(code), Escaped(&bits)));
        }
        if conclusion.findings.is_empty() {
            return;
        }
        self.0.push_str("<ul class=\"causes\">\n");
        for finding in &conclusion.findings {
            let (id, confidence) = (finding.id, finding.confidence.name());
            let text = Escaped(&finding.evidence);
            self.0.push_str(&format!("<li><b>{id}</b> <small>{confidence}</small> {text}</li>\n"));
        }
        self.0.push_str("</ul>\n");
    }

    fn drawing(&mut self, title: &str, svg: Option<String>) {
        if let Some(svg) = svg {
            self.0.push_str(&format!("<h2>{}</h2>\n<div class=\"wide\">{svg}</div>\n", Escaped(title)));
        }
    }

    fn section(&mut self, section: &Section) {
        let class = if section.columns.is_none() { " class=\"facts\"" } else { "" };
        self.0.push_str(&format!("<h2>{}</h2>\n<div class=\"wide\"><table{class}>\n", Escaped(section.title)));
        if let Some(columns) = &section.columns {
            self.0.push_str("<thead>");
            self.row("th", columns);
            self.0.push_str("</thead>\n");
        }
        for row in section.rows.iter().take(ROWS_SHOWN) {
            self.row("td", row);
        }
        self.0.push_str("</table></div>\n");
        if let Some(left_out @ 1..) = section.rows.len().checked_sub(ROWS_SHOWN) {
            self.0.push_str(&format!("<p>{left_out} more in the JSON report</p>\n"));
        }
    }

    fn row(&mut self, tag: &str, cells: &[impl AsRef<str>]) {
        self.0.push_str("<tr>");
        for cell in cells {
            self.0.push_str(&format!("<{tag}>{}</{tag}>", Escaped(cell.as_ref())));
        }
        self.0.push_str("</tr>\n");
    }
}
