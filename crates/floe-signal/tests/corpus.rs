//! The corpus of the code fuzz target, replayed, and every cut of it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use std::{fs, path::Path};

use floe_signal::Code;

#[test]
fn codes_of_the_corpus_are_decoded_or_refused_whole_and_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/code");
    let mut decoded = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned();
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
