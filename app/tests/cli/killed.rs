//! A program that dies in the middle of a call leaves its record up to the last second.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use floe_capture::Opened;
use floe_wire::Note;

use crate::program::{Folder, floe, report};

/// A debug build on a busy machine needs some seconds until two peers hear each other.
const PATIENCE: Duration = Duration::from_secs(90);

/// A record is looked at this often, and has to be fresh so many times in a row: for three seconds.
const GLANCE: Duration = Duration::from_millis(50);
const GLANCES: u32 = 60;

/// What a record says of a call, also of one that is still going on.
fn read(path: &Path) -> Option<Opened> {
    Opened::read(File::open(path).ok()?).ok()
}

/// Whether audio is heard and the last second is all that is not in the file yet.
fn is_fresh(path: &Path) -> bool {
    let Some(opened) = read(path) else { return false };
    let has_audio = opened.records.iter().any(|record| matches!(record.body.as_note(), Some(Note::FirstAudio)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = opened.records.last().map(|last| Duration::from_millis(opened.wall_ms) + last.at.0);
    has_audio && end.is_some_and(|end| now.saturating_sub(end) <= Duration::from_secs(1))
}

#[test]
fn a_killed_demo_leaves_the_records_of_both_sides_up_to_its_last_second() {
    let folder = Folder::new("killed");
    let files = [folder.path("call.floe"), folder.path("call.b.floe")];
    let mut command = floe(&["demo", "--seconds", "600", "--save", files[0].to_str().unwrap()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let mut fresh = 0;
    while fresh < GLANCES && begun.elapsed() < PATIENCE {
        std::thread::sleep(GLANCE);
        fresh = if files.iter().all(|path| is_fresh(path)) { fresh + 1 } else { 0 };
    }
    let before = files.each_ref().map(|path| read(path).map_or(0, |opened| opened.records.len()));
    // SIGKILL on Unix: nothing of the program runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fresh, GLANCES, "the records were never a second fresh for long");

    for (path, before) in files.iter().zip(before) {
        assert!(read(path).unwrap().records.len() >= before);
        let run = report(path);
        assert_eq!(run.status, Some(0), "{}", run.errors);
        assert!(run.out.contains("succeeded (in use)"), "{}", run.out);
    }
}
