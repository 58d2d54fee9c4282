//! Reading a file into an archive: progress, cancelling, and what could not be read as sentences.

use std::{
    fs::{self, File},
    io::{self, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use floe_capture::{Import, ImportOptions, Loaded, Problem, load};
use floe_inspect::Picture;
use tokio::sync::watch;

use super::{Repaint, desk::Desk};
use crate::window::reading::Reading;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// A file being read, or read. Dropping it stops the reading.
#[derive(Debug)]
pub struct OpenFile {
    /// Where it is.
    pub path: PathBuf,
    state: watch::Receiver<OpenState>,
    cancelled: Arc<AtomicBool>,
}

/// How far reading a file is.
#[derive(Debug, Clone)]
pub enum OpenState {
    /// Under way.
    Reading {
        /// Bytes read.
        read: u64,
        /// Bytes the file has; zero when that is not known.
        total: u64,
    },
    /// Everything that can be read was.
    Open(Arc<Opened>),
    /// Nothing could be read; the sentence says why and what to do.
    Refused(String),
}

/// What a file holds.
#[derive(Debug)]
pub struct Opened {
    /// The end of the record.
    pub picture: Arc<Picture>,
    /// What that says.
    pub reading: Reading,
    /// What could not be read, a sentence each.
    pub problems: Vec<String>,
    /// What is worth knowing of it, a sentence each.
    pub notices: Vec<String>,
    /// What else a capture of another program holds.
    pub capture: Option<Capture>,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What a capture of another program holds, besides what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// A line for each ICE session, the earliest first.
    pub sessions: Vec<SessionLine>,
    /// Which of them is shown.
    pub chosen: Option<usize>,
    /// Which side was taken for us, and why.
    pub us: Option<String>,
    /// How it was read.
    pub options: ImportOptions,
}

/// An ICE session of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLine {
    /// A user fragment that names it.
    pub ufrag: String,
    /// Both user fragments.
    pub name: String,
    /// When it began.
    pub at: floe_wire::Stamp,
    /// Checks captured.
    pub checks: u64,
}

impl Capture {
    fn of(import: &Import, options: &ImportOptions) -> Self {
        let line = |session: &floe_capture::import::Session| {
            let ufrags = session.generations.first().cloned().unwrap_or_default();
            let name = ufrags.join(" and ");
            let [ufrag, _] = ufrags;
            SessionLine { ufrag, name, at: session.span.0, checks: session.checks }
        };
        Self {
            sessions: import.sessions.iter().map(line).collect(),
            chosen: import.chosen,
            us: import.us_sentence(),
            options: options.clone(),
        }
    }
}

impl OpenState {
    /// Before the first byte.
    pub const fn start() -> Self {
        Self::Reading { read: 0, total: 0 }
    }
}

impl OpenFile {
    pub(super) fn new(path: PathBuf, state: watch::Receiver<OpenState>, cancelled: Arc<AtomicBool>) -> Self {
        Self { path, state, cancelled }
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
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Reads a file into a desk and tells how it goes.
pub fn read(
    path: &Path,
    options: &ImportOptions,
    desk: &mut Desk,
    state: &watch::Sender<OpenState>,
    cancelled: &AtomicBool,
) {
    let outcome = open(path).and_then(|(file, total)| {
        let source =
            Counted { file, read: 0, total, state, cancelled, told: Instant::now(), repaint: desk.repaint_handle() };
        let mut go_on = |_| match cancelled.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let loaded = load(source, options, &mut go_on).map_err(|error| error.to_string())?;
        let (notices, problems): (Vec<_>, Vec<_>) = loaded.problems().iter().partition(|problem| problem.is_harmless());
        let sentences = |problems: Vec<&Problem>| problems.iter().map(|problem| format!("{problem}.")).collect();
        let said = (sentences(problems), sentences(notices));
        let capture = match &loaded {
            Loaded::Record(_) => None,
            Loaded::Capture(import) => Some(Capture::of(import, options)),
        };
        for record in loaded.into_records() {
            desk.file(record);
        }
        Ok((said, capture, total))
    });
    if cancelled.load(Ordering::Relaxed) {
        return;
    }
    state.send_replace(match outcome {
        Ok(((problems, notices), capture, bytes)) => {
            let picture = Arc::new(desk.latest().clone());
            OpenState::Open(Arc::new(Opened {
                reading: Reading::of(&picture),
                picture,
                problems,
                notices,
                capture,
                bytes,
            }))
        }
        Err(why) => OpenState::Refused(format!("{} cannot be opened: {why}.", name(path))),
    });
    desk.repaint();
}

fn open(path: &Path) -> Result<(File, u64), String> {
    let why = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "you are not allowed to read it".to_owned(),
        _ => error.to_string(),
    };
    // Opening a pipe would wait for whoever writes into it.
    let about = fs::metadata(path).map_err(why)?;
    if about.is_dir() {
        return Err("this is a folder".to_owned());
    }
    if !about.is_file() {
        return Err("this is a pipe or a device, not a file".to_owned());
    }
    Ok((File::open(path).map_err(why)?, about.len()))
}

/// A path's last part.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A file that tells how much of it was read, and ends when nobody wants it any more.
struct Counted<'a> {
    file: File,
    read: u64,
    total: u64,
    state: &'a watch::Sender<OpenState>,
    cancelled: &'a AtomicBool,
    told: Instant,
    repaint: Repaint,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("reading was cancelled"));
        }
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            self.state.send_replace(OpenState::Reading { read: self.read, total: self.total });
            (self.repaint)();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

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
