//! The corpora of the code and side fuzz targets, replayed, and every cut of them.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use std::{fs, path::Path};

use floe_signal::{
    Code,
    side_text::{read_side, write_side},
};

fn corpus(target: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    fs::read_dir(folder).unwrap().map(|entry| text(entry.unwrap().path())).collect()
}

#[test]
fn codes_of_the_corpus_are_decoded_or_refused_whole_and_cut() {
    let mut decoded = 0;
    for text in corpus("code") {
        for (cut, _) in text.char_indices() {
            let _ = Code::decode(&text[..cut]);
        }
        if let Ok((code, _problems)) = Code::decode(&text) {
            decoded += 1;
            assert!(Code::decode(&code.encode()).is_ok());
        }
    }
    assert!(decoded > 0, "the corpus is committed");
}

#[test]
fn sides_of_the_corpus_are_read_or_refused_whole_and_cut() {
    let mut read = 0;
    for text in corpus("side") {
        for (cut, _) in text.char_indices().step_by(7) {
            let _ = read_side(&text[..cut]);
        }
        if let Ok(side) = read_side(&text) {
            read += 1;
            assert_eq!(read_side(&write_side(&side)), Ok(side));
        }
    }
    assert!(read > 0, "the corpus is committed");
}
