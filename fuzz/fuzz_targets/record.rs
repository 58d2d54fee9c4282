//! A record file of any bytes is read to its end, and what was read can be written, redacted and exported.
#![no_main]

use floe_capture::{MediaPayloads, Opened, PcapngWriter, RecordWriter, redact};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(opened) = Opened::read(bytes) else { return };
    let redacted = redact(&opened.records);
    let mut writer = RecordWriter::new(Vec::new());
    writer.append(&redacted).expect("memory takes everything");
    let file = writer.finish().expect("memory takes everything");
    let again = Opened::read(&file[..]).expect("what was written is read");
    assert_eq!(again.problems, []);
    let mut export = PcapngWriter::new(Vec::new(), MediaPayloads::AsRecorded);
    export.append(&redacted).expect("memory takes everything");
    export.finish().expect("memory takes everything");
});
