//! A text of any characters is a code or a named mistake.
#![no_main]

use floe_signal::Code;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok((code, _problems)) = Code::decode(text) {
        let encoded = code.encode();
        Code::decode(&encoded).expect("what was encoded decodes");
    }
});
