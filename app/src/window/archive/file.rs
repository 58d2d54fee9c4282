//! Reading a file into an archive: progress, cancelling, and what could not be read as sentences.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use floe_capture::{Begun, ImportOptions, Problem, begin};
use floe_wire::Record;
use tokio::sync::watch;

use super::{
    Repaint,
    desk::Desk,
    open_state::{Capture, OpenState, Opened, Part},
};
use crate::{regular_file, window::reading::Reading};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// Records taken in between two looks at whether that is still wanted.
const BATCH: usize = 256;

/// A file being read, or read. Dropping it stops the reading.
#[derive(Debug)]
pub struct OpenFile {
    /// Where it is.
    pub path: PathBuf,
    state: watch::Receiver<OpenState>,
    orders: Arc<Orders>,
}

/// What a reader is told while it reads.
#[derive(Debug, Default)]
pub struct Orders {
    /// Nobody wants the file any more.
    is_dropped: AtomicBool,
    /// What was read by now is enough. Whoever obeys takes it back.
    is_enough: AtomicBool,
}

impl Orders {
    fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed)
    }

    fn take_enough(&self) -> bool {
        self.is_enough.swap(false, Ordering::Relaxed)
    }
}

impl OpenFile {
    pub(super) fn new(path: PathBuf, state: watch::Receiver<OpenState>, orders: Arc<Orders>) -> Self {
        Self { path, state, orders }
    }

    /// Its name without the folder.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.path)
    }

    /// How far reading is.
    #[must_use]
    pub fn state(&self) -> OpenState {
        self.state.borrow().clone()
    }

    /// Stops reading; what was read by now is shown.
    pub fn stop(&self) {
        self.orders.is_enough.store(true, Ordering::Relaxed);
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.orders.is_dropped.store(true, Ordering::Relaxed);
    }
}

/// Reads a file into a desk and tells how it goes.
pub fn read(path: &Path, options: &ImportOptions, desk: &mut Desk, state: &watch::Sender<OpenState>, orders: &Orders) {
    let reader = Reader { path, options, state, orders };
    let opened = regular_file::open(path).map_err(|why| reader.refusal(&why));
    let outcome = opened.and_then(|(file, total)| reader.read(file, total, desk));
    if orders.is_dropped() {
        return;
    }
    state.send_replace(match outcome {
        Ok(opened) => OpenState::Open(Arc::new(opened)),
        Err(why) => OpenState::Refused(why),
    });
    desk.repaint();
}

/// A file that is to be read, and whom to tell how it goes.
struct Reader<'a> {
    path: &'a Path,
    options: &'a ImportOptions,
    state: &'a watch::Sender<OpenState>,
    orders: &'a Orders,
}

impl Reader<'_> {
    fn refusal(&self, why: &str) -> String {
        format!("{} cannot be opened: {why}.", name(self.path))
    }

    fn read(&self, file: impl Read, total: u64, desk: &mut Desk) -> Result<Opened, String> {
        let mut source = Counted { file, read: 0, is_stopped: false, total, told: Teller::new(self, desk) };
        let mut go_on = |_| match self.orders.is_dropped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let held = begin(&mut source, self.options, &mut go_on).map(|begun| self.hold(begun, desk));
        let read = source.read;
        // Whoever stops at the very end has read everything.
        let is_stopped = source.is_stopped && read < total;
        let Held { problems, capture, records } = held.map_err(|error| match is_stopped {
            true => format!("You stopped reading {} before there was anything to show.", name(self.path)),
            false => self.refusal(&error.to_string()),
        })?;
        // Where reading was stopped is not where the file ends.
        let is_wrong = |problem: &&Problem| !(is_stopped && matches!(problem, Problem::CutOff { .. }));
        let problems = problems.iter().filter(is_wrong);
        let (notices, problems): (Vec<_>, Vec<_>) = problems.partition(|problem| problem.is_harmless());
        let sentences = |problems: Vec<&Problem>| problems.iter().map(|problem| format!("{problem}.")).collect();
        let (problems, notices) = (sentences(problems), sentences(notices));
        let part = (is_stopped || records.is_some()).then_some(Part { read, total, records });
        desk.holds(part);
        let picture = Arc::new(desk.latest().clone());
        let reading = Reading::of(&picture);
        Ok(Opened { picture, reading, problems, notices, capture, bytes: total, part })
    }

    /// Hands the records of a file to the desk.
    fn hold(&self, begun: Begun<impl Read>, desk: &mut Desk) -> Held {
        match begun {
            Begun::Record(mut reader) => {
                // A record is not held as a whole beside what the desk keeps of it.
                for (number, record) in reader.by_ref().enumerate() {
                    if number.is_multiple_of(BATCH) && self.orders.is_dropped() {
                        break;
                    }
                    desk.file(record);
                }
                Held { problems: reader.problems(), capture: None, records: None }
            }
            Begun::Capture(import) => {
                let (capture, problems) = (Capture::of(&import, self.options), import.problems);
                Held { problems, capture: Some(capture), records: self.take_in(import.records, desk) }
            }
        }
    }

    /// Hands records to the desk; how many it took and how many there are, if somebody had enough before the last one.
    fn take_in(&self, records: Vec<Record>, desk: &mut Desk) -> Option<(usize, usize)> {
        let (total, mut told) = (records.len(), Teller::new(self, desk));
        for (taken, record) in records.into_iter().enumerate() {
            if taken.is_multiple_of(BATCH) {
                if self.orders.is_dropped() || self.orders.take_enough() {
                    return Some((taken, total));
                }
                told.tell(|| OpenState::Folding { taken, total });
            }
            desk.file(record);
        }
        None
    }
}

/// What is known of a file whose records are at the desk.
struct Held {
    problems: Vec<Problem>,
    capture: Option<Capture>,
    /// How many of its records are there, and how many it has, if not all.
    records: Option<(usize, usize)>,
}

/// Tells how it goes, now and then.
struct Teller<'a> {
    state: &'a watch::Sender<OpenState>,
    orders: &'a Orders,
    repaint: Repaint,
    told: Instant,
}

impl<'a> Teller<'a> {
    fn new(reader: &Reader<'a>, desk: &Desk) -> Self {
        Self { state: reader.state, orders: reader.orders, repaint: desk.repaint_handle(), told: Instant::now() }
    }

    fn tell(&mut self, state: impl FnOnce() -> OpenState) {
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            self.state.send_replace(state());
            (self.repaint)();
        }
    }
}

/// A path's last part.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A file that tells how much of it was read, and ends when somebody has enough.
struct Counted<'a, R> {
    file: R,
    read: u64,
    total: u64,
    is_stopped: bool,
    told: Teller<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.told.orders.is_dropped() {
            return Err(io::Error::other("reading was cancelled"));
        }
        self.is_stopped |= self.told.orders.take_enough();
        if self.is_stopped {
            return Ok(0);
        }
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        let (read, total) = (self.read, self.total);
        self.told.tell(|| OpenState::Reading { read, total });
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use floe_capture::RecordWriter;
    use floe_wire::{Note, Record, RecordBody, Stamp};

    use super::*;
    use crate::window::archive::Archive;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("floe-open-{}-{name}", std::process::id()))
    }

    fn record(name: &str, cut: usize) -> PathBuf {
        let mut writer = RecordWriter::new(Vec::new());
        let notes = [100, 200, 300]
            .map(|ms| Record { at: Stamp::from_millis(ms), body: RecordBody::note(Note::Muted { muted: ms == 200 }) });
        writer.append(&notes).unwrap();
        let bytes = writer.finish().unwrap();
        let path = place(name);
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        path
    }

    /// Waits until reading is over, at most ten seconds.
    fn outcome(file: &OpenFile) -> OpenState {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match file.state() {
                OpenState::Reading { .. } if Instant::now() < deadline => thread::yield_now(),
                state => return state,
            }
        }
    }

    /// What becomes of a file of this test's own, which is removed afterwards.
    fn opened(path: &Path) -> OpenState {
        assert!(path.starts_with(std::env::temp_dir()), "{} belongs to somebody else", path.display());
        let (_archive, file) = Archive::of_file(path.to_owned(), ImportOptions::default(), Arc::new(|| {}));
        let state = outcome(&file);
        let _ = fs::remove_file(path);
        state
    }

    /// A file that is stopped when so much of it was read, and read in such pieces.
    struct Stopped<'a> {
        bytes: &'a [u8],
        piece: usize,
        stop_at: usize,
        read: usize,
        orders: &'a Orders,
    }

    impl Read for Stopped<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.piece.min(self.bytes.len() - self.read).min(buffer.len());
            buffer[..count].copy_from_slice(&self.bytes[self.read..self.read + count]);
            self.read += count;
            if self.read >= self.stop_at {
                self.orders.is_enough.store(true, Ordering::Relaxed);
            }
            Ok(count)
        }
    }

    fn muted(count: u64) -> Vec<u8> {
        let mut writer = RecordWriter::new(Vec::new());
        let note = |ms| Record { at: Stamp::from_millis(ms), body: RecordBody::note(Note::Muted { muted: true }) };
        for ms in 0..count {
            writer.append(&[note(ms)]).unwrap();
        }
        writer.finish().unwrap()
    }

    /// What becomes of a file that is stopped at a byte.
    fn stopped(bytes: &[u8], stop_at: usize) -> Result<Opened, String> {
        let (orders, (state, _progress)) = (Orders::default(), watch::channel(OpenState::start()));
        let (path, options) = (Path::new("/somewhere/long.floe"), ImportOptions::default());
        let (mut desk, _ends) = Desk::idle();
        let reader = Reader { path, options: &options, state: &state, orders: &orders };
        let source = Stopped { bytes, piece: 100, stop_at, read: 0, orders: &orders };
        reader.read(source, bytes.len() as u64, &mut desk)
    }

    #[test]
    fn what_was_read_before_somebody_stopped_is_shown_and_says_how_much_it_is() {
        let bytes = muted(50);
        let total = bytes.len() as u64;
        let opened = stopped(&bytes, 350).unwrap();
        let part = opened.part.expect("it is not all");
        assert!((350..600).contains(&part.read), "{part:?}");
        assert_eq!((part.total, part.records), (total, None));
        let records = opened.picture.counters.records;
        assert!((1..50).contains(&records), "{records} records");
        assert!(opened.problems.is_empty(), "the file is not cut off: {:?}", opened.problems);
        for stop_at in [bytes.len(), usize::MAX] {
            let whole = stopped(&bytes, stop_at).unwrap();
            assert_eq!((whole.part, whole.picture.counters.records), (None, 50));
        }
    }

    #[test]
    fn records_are_not_taken_in_any_more_once_somebody_has_enough() {
        let (orders, (state, _progress)) = (Orders::default(), watch::channel(OpenState::start()));
        let (mut desk, _ends) = Desk::idle();
        let (path, options) = (Path::new("/somewhere/long.floe"), ImportOptions::default());
        let reader = Reader { path, options: &options, state: &state, orders: &orders };
        let record = Record { at: Stamp::ZERO, body: RecordBody::note(Note::Muted { muted: true }) };
        assert_eq!(reader.take_in(vec![record.clone(); 10], &mut desk), None);
        orders.is_enough.store(true, Ordering::Relaxed);
        assert_eq!(reader.take_in(vec![record.clone(); 10], &mut desk), Some((0, 10)));
        assert_eq!(reader.take_in(vec![record; 10], &mut desk), None, "an order is obeyed once");
        assert_eq!(desk.latest().counters.records, 20);
    }

    #[test]
    fn a_file_stopped_at_its_very_beginning_shows_nothing_and_is_not_called_broken() {
        let bytes = muted(50);
        let why = stopped(&bytes, 0).expect_err("nothing was read");
        assert_eq!(why, "You stopped reading long.floe before there was anything to show.");
    }

    #[test]
    fn a_record_opens_at_its_end() {
        let OpenState::Open(opened) = opened(&record("whole.floe", 0)) else { panic!("it should open") };
        assert_eq!((opened.picture.counters.records, opened.picture.muted), (3, false));
        assert!(opened.problems.is_empty(), "{:?}", opened.problems);
    }

    #[test]
    fn a_cut_record_opens_up_to_the_cut_and_says_so() {
        let OpenState::Open(opened) = opened(&record("cut.floe", 5)) else { panic!("it should open") };
        assert_eq!((opened.picture.counters.records, opened.picture.muted), (2, true));
        assert!(opened.problems[0].contains("cut off"), "{:?}", opened.problems);
    }

    #[test]
    fn what_cannot_be_opened_is_refused_with_a_sentence() {
        let path = place("text.floe");
        fs::write(&path, "hello").unwrap();
        for (path, words) in
            [(path, "neither"), (place("missing.floe"), "there is no such file"), (std::env::temp_dir(), "folder")]
        {
            let OpenState::Refused(why) = opened(&path) else { panic!("{} should not open", path.display()) };
            assert!(why.contains(words) && why.ends_with('.'), "{why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_writes_into_is_not_waited_for() {
        let path = place("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let OpenState::Refused(why) = opened(&path) else { panic!("it should not open") };
        assert!(why.contains("a pipe or a device"), "{why}");
    }
}
