//! A capture of any bytes is imported, and its records can be exported and imported again.
#![no_main]

use std::ops::ControlFlow;

use floe_capture::{ImportOptions, MediaPayloads, PcapngWriter, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for swap_sides in [false, true] {
        let options = ImportOptions { session: None, swap_sides };
        let Ok(imported) = import(bytes, &options, &mut |_| ControlFlow::Continue(())) else { return };
        assert!(imported.records.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let mut export = PcapngWriter::new(Vec::new(), MediaPayloads::AsRecorded);
        export.append(&imported.records).expect("memory takes everything");
        let file = export.finish().expect("memory takes everything");
        import(&file[..], &options, &mut |_| ControlFlow::Continue(())).expect("an export is a capture");
    }
});
