//! Finds a code in whatever a chat, a mail or a person made of it.
//!
//! A code may stand anywhere in the text, wrapped, quoted and with invisible characters inside; prose before and after
//! does not matter, because the length is in the code and the checksum tells a code from words that look like one.

use crate::{
    CodeError, VERSION,
    alphabet::symbol,
    frame::{self, Frame, HEADER, Header, MARK},
};

/// More than 64 candidates with everything take, many times over.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// No more places than this are tried as the beginning of a code, so that a hostile text costs little.
const MAX_STARTS: usize = 32;
/// Lengths that a code of this version can have; others are prose that happens to begin like a code.
const PLAUSIBLE_CHARACTERS: std::ops::RangeInclusive<usize> = 128..=32_767;
/// A word this long that is no hexadecimal number looks like the inside of a code.
const LONG_WORD: usize = 40;

/// A letter or digit of the text. Everything else only separates words.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// What it stands for; none for letters that codes never contain.
    symbol: Option<u8>,
    character: char,
    begins_word: bool,
}

/// Finds the intact code in a text, or says what is wrong.
pub(crate) fn find(text: &str) -> Result<Frame, CodeError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(CodeError::TooLong { characters: text.chars().count() });
    }
    let items = items(text);
    let mut best = None;
    for start in starts(&items) {
        match read_at(&items[start..]) {
            Ok(frame) => return Ok(frame),
            Err(error) if is_telling(&items[start..]) => best = best.or(Some(error)),
            Err(_) => {}
        }
    }
    Err(best.unwrap_or_else(|| name_other_text(text, &items)))
}

fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut inside_word = false;
    for character in text.chars() {
        let symbol = symbol(character);
        if symbol.is_some() || character.is_alphanumeric() {
            items.push(Item { symbol, character, begins_word: !inside_word });
        }
        // Scripts without spaces may stand right before a code.
        inside_word = symbol.is_some() || character.is_ascii_alphanumeric();
    }
    items
}

/// Where a code may begin: a word with the mark, or a text that ends within it.
fn starts(items: &[Item]) -> impl Iterator<Item = usize> {
    (0..items.len()).filter(|at| items[*at].begins_word && begins_with_mark(&items[*at..])).take(MAX_STARTS)
}

fn begins_with_mark(items: &[Item]) -> bool {
    items.iter().zip(MARK).all(|(item, mark)| item.symbol == Some(*mark))
}

fn symbols(items: &[Item]) -> Vec<u8> {
    items.iter().filter_map(|item| item.symbol).collect()
}

/// Reads the code that begins with the first item.
fn read_at(items: &[Item]) -> Result<Frame, CodeError> {
    let symbols = symbols(items);
    let Some(Header { characters, .. }) = Header::read(&symbols) else {
        return Err(CodeError::CutOff { have: items.len(), of: None });
    };
    if let Some(frame) = symbols.get(..characters).and_then(frame::unwrap) {
        return Ok(frame);
    }
    if frame::is_intact_with_another_header(&symbols) {
        return Err(CodeError::Mistyped);
    }
    if items.len() < characters {
        return Err(CodeError::CutOff { have: items.len(), of: Some(characters) });
    }
    match items[..characters].iter().position(|item| item.symbol.is_none()) {
        Some(at) => Err(CodeError::ForeignCharacter { position: at + 1, character: items[at].character }),
        None => Err(CodeError::Mistyped),
    }
}

/// Whether what follows is so clearly a damaged code that its error is worth showing: the word "floe" alone is not.
fn is_telling(items: &[Item]) -> bool {
    let literal = items.iter().zip(MARK).all(|(item, mark)| item.character.eq_ignore_ascii_case(&char::from(*mark)));
    let symbols = symbols(items);
    match Header::read(&symbols) {
        _ if frame::is_intact_with_another_header(&symbols) => true,
        Some(header) if header.version == VERSION => PLAUSIBLE_CHARACTERS.contains(&header.characters),
        Some(_) | None => literal,
    }
}

/// Names a text that holds nothing like the beginning of a code.
fn name_other_text(text: &str, items: &[Item]) -> CodeError {
    let visible = |character: &char| !character.is_whitespace() && !is_invisible(*character);
    if !text.chars().any(|character| visible(&character)) {
        return CodeError::Empty;
    }
    if is_sdp(text) {
        return CodeError::Sdp;
    }
    if is_intact_behind_another_mark(items) {
        return CodeError::Mistyped;
    }
    if text.contains("://") || text.trim_start().starts_with("www.") {
        return CodeError::Url;
    }
    if has_inside_of_a_code(items) { CodeError::StartMissing } else { CodeError::NotACode }
}

/// Characters that take no room: zero-width spaces and joiners, direction marks, soft hyphen, byte order mark.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

fn is_sdp(text: &str) -> bool {
    text.contains("v=0") || text.contains("a=candidate") || text.contains("a=ice-ufrag") || {
        text.trim_start().trim_start_matches("a=").starts_with("candidate:")
    }
}

fn is_intact_behind_another_mark(items: &[Item]) -> bool {
    let words = (0..items.len()).filter(|at| items[*at].begins_word).take(MAX_STARTS);
    words.map(|at| symbols(&items[at..])).any(|symbols| {
        Header::read(&symbols)
            .and_then(|header| symbols.get(..header.characters))
            .is_some_and(|symbols| symbols.len() >= HEADER && frame::is_intact_with_another_header(symbols))
    })
}

fn has_inside_of_a_code(items: &[Item]) -> bool {
    items.chunk_by(|_, next| !next.begins_word).any(|word| {
        word.len() >= LONG_WORD
            && word.iter().all(|item| item.symbol.is_some())
            && word.iter().any(|item| !item.character.is_ascii_hexdigit())
    })
}
