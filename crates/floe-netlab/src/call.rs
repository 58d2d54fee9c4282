//! `floe call`, run on a machine of the lab as a person would run it.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Host, Lab, Process, Recording, floe, lab};

/// How long a code may take: two STUN servers that do not answer are given up after five seconds.
const CODE: Duration = Duration::from_secs(15);
/// The extension of records.
const RECORD: &str = "floe";
/// So many lines of a record are told of a call in a test that fails.
const LAST_WORDS: usize = 400;

/// How a peer calls.
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    /// STUN servers.
    pub stun: Vec<String>,
    /// TURN servers, with user name and password.
    pub turn: Vec<String>,
    /// An authority to believe with `turns:`.
    pub turn_ca: Option<PathBuf>,
    /// What the friend learns; everything if it is not said.
    pub privacy: Option<&'static str>,
    /// Hangs up this long after media is secured.
    pub seconds: Option<u64>,
    /// Stays in the call when its path is lost.
    pub stay: bool,
    /// What is forced, blocked and released, and when.
    pub wishes: Option<&'static str>,
}

/// A running `floe call`.
pub struct CallProcess {
    process: Process,
    report: PathBuf,
    recording: PathBuf,
}

/// What is left of a call that has ended.
pub struct CallOutcome {
    /// The exit status; none when it was killed.
    pub exit_code: Option<i32>,
    /// The report it wrote.
    pub report: Value,
    /// Where it recorded what it heard.
    recording: PathBuf,
}

impl CallProcess {
    /// Starts a call on `host` that sends 440 Hz, records what it hears and writes a report.
    ///
    /// # Errors
    /// When `floe` is not built or does not start.
    pub fn start(lab: &Lab, host: &Host, options: &CallOptions) -> Result<Self> {
        let report = lab.file(&format!("{}.json", host.name()));
        let recording = lab.file(&format!("{}.wav", host.name()));
        let record = lab.file(&format!("{}.{RECORD}", host.name()));
        let mut command = host.command(floe()?);
        command.args(["call", "--audio", "tone", "--report"]).arg(&report).arg("--record").arg(&recording);
        command.arg("--save").arg(&record);
        command.args(options.stun.iter().flat_map(|url| ["--stun", url]));
        command.args(options.turn.iter().flat_map(|url| ["--turn", url]));
        if let Some(file) = &options.turn_ca {
            command.arg("--turn-ca").arg(file);
        }
        command.args(options.stay.then_some("--stay"));
        command.args(options.wishes.iter().flat_map(|list| ["--do", list]));
        command.args(options.privacy.iter().flat_map(|level| ["--privacy", level]));
        command.args(options.seconds.iter().flat_map(|seconds| ["--seconds".to_owned(), seconds.to_string()]));
        let process = Process::start(host.name(), &mut command)?;
        Ok(Self { process, report, recording })
    }

    /// The code, once it can be given away.
    ///
    /// # Errors
    /// When it does not come.
    pub fn code(&mut self) -> Result<String> {
        self.process.wait_for_line(CODE, |line| line.strip_prefix("code: ").map(str::to_owned)).context("no code")
    }

    /// Gives the other's code, as a person would paste it.
    ///
    /// # Errors
    /// When the call reads no more.
    pub fn paste(&mut self, code: &str) -> Result<()> {
        self.process.write_line(code)
    }

    /// Waits until the call shows this ICE connection state.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait_for_state(&mut self, within: Duration, state: &str) -> Result<()> {
        let shown = format!("[{state}]");
        self.process.wait_for_line(within, |line| line.contains(&shown).then_some(()))
    }

    /// Lets the time pass, during which the call must not end.
    ///
    /// # Errors
    /// When it ends.
    pub fn keep_waiting(&mut self, time: Duration) -> Result<()> {
        self.process.stay(time)
    }

    /// How many files and sockets it has open.
    ///
    /// # Errors
    /// When it has ended.
    pub fn open_files(&self) -> Result<usize> {
        Ok(self.process.open_files()?.len())
    }

    /// What it has computed so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        self.process.cpu_time()
    }

    /// How often it was woken so far: its threads whose name begins so.
    ///
    /// # Errors
    /// When it has ended.
    pub fn wakes(&self, thread: &str) -> Result<u64> {
        self.process.wakes(thread)
    }

    /// Stops the process for so long, as a computer that sleeps.
    ///
    /// # Errors
    /// When it is gone.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        self.process.signal("STOP")?;
        thread::sleep(time);
        self.process.signal("CONT")
    }

    /// Ends the call without a goodbye.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Hangs up, as Ctrl+C does.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn hang_up(&self) -> Result<()> {
        self.process.signal("INT")
    }

    /// Waits for the end of the call.
    ///
    /// # Errors
    /// When it does not end in time, or leaves no report.
    pub fn finish(mut self, within: Duration) -> Result<CallOutcome> {
        let status = self.process.wait(within)?;
        let text = fs::read_to_string(&self.report).context("the call left no report")?;
        let report = serde_json::from_str(&text).context("the report is not JSON")?;
        Ok(CallOutcome { exit_code: status.code(), report, recording: self.recording.clone() })
    }
}

impl CallOutcome {
    /// What the peer heard.
    ///
    /// # Errors
    /// When it recorded nothing.
    pub fn recording(&self) -> Result<Recording> {
        Recording::read(&self.recording)
    }

    /// The candidate types of the pair selected last, local and remote.
    ///
    /// # Errors
    /// When no pair was selected, or the report contradicts itself.
    pub fn selected_types(&self) -> Result<(String, String)> {
        let selected = self.report["selectedPairs"].as_array().and_then(|pairs| pairs.last());
        let selected = selected.context("no pair was selected")?;
        let kind = |list: &str, id: &str| {
            let candidates = self.report[list].as_array().with_context(|| format!("no {list}"))?;
            let candidate = candidates.iter().find(|candidate| candidate["id"] == selected[id]);
            let kind = candidate.and_then(|candidate| candidate["candidateType"].as_str());
            kind.map(str::to_owned).with_context(|| format!("{id} {} is not in {list}", selected[id]))
        };
        Ok((kind("localCandidates", "localCandidateId")?, kind("remoteCandidates", "remoteCandidateId")?))
    }

    /// The ICE connection states it went through, in order.
    pub fn ice_states(&self) -> Vec<&str> {
        let visits = self.report["states"]["iceConnection"].as_array().map_or(&[][..], Vec::as_slice);
        visits.iter().filter_map(|visit| visit["state"].as_str()).collect()
    }
}

/// Prints what the calls of this lab recorded, for whoever looks for the reason of a failure.
pub(crate) fn tell_records() {
    let records = fs::read_dir(lab::FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    for record in records.filter(|path| path.extension().is_some_and(|extension| extension == RECORD)) {
        let report = floe().and_then(|floe| Ok(Command::new(floe).arg("report").arg(&record).output()?));
        let text =
            report.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stdout).into());
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
        let _nobody_listens = writeln!(io::stderr(), "\n{}:\n{last}", record.display());
    }
}
