//! A child process: its lines with deadlines, its end, and its last words when a test fails.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How many of a process' last lines a failed test shows.
const LAST_WORDS: usize = 60;
/// How often a process that has closed its output is asked whether it has ended.
const END_POLL: Duration = Duration::from_millis(5);

/// A child process; it is killed when it is dropped.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts the command, with pipes at its standard input, output and error.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let (sender, lines) = mpsc::channel();
        forward_lines(child.stdout.take().context("stdout is piped")?, sender.clone());
        forward_lines(child.stderr.take().context("stderr is piped")?, sender);
        Ok(Self { name: name.to_owned(), child, lines, seen: Vec::new() })
    }

    /// The first line from here on, of output or error, of which `wanted` makes something.
    ///
    /// # Errors
    /// When the process closes its output, or the deadline passes, before such a line.
    pub fn wait_for_line<T>(&mut self, within: Duration, wanted: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + within;
        loop {
            match self.next_line(deadline) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} did not say it within {within:?}:\n{}", self.name, self.last_words())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended without saying it:\n{}", self.name, self.last_words())
                }
            }
        }
    }

    /// Lets the time pass, during which the process must not end.
    ///
    /// # Errors
    /// When it ends.
    pub fn stay(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        loop {
            match self.next_line(deadline) {
                Ok(_line) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => bail!("{} ended too early:\n{}", self.name, self.last_words()),
            }
        }
    }

    /// Writes a line to the process' standard input.
    ///
    /// # Errors
    /// When the process no longer reads.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().with_context(|| format!("{} reads no more", self.name))?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).with_context(|| format!("{} does not read", self.name))
    }

    /// Ends the process' standard input.
    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    /// Sends a signal by its name (`INT`).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status()?;
        if !sent.success() {
            bail!("{} cannot be sent {signal}: {sent}", self.name);
        }
        Ok(())
    }

    /// Kills the process (`SIGKILL`): no goodbye, as when a machine loses its power.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("{} cannot be killed", self.name))
    }

    /// Waits for the process' own end.
    ///
    /// # Errors
    /// When it still runs at the deadline.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        while self.next_line(deadline).is_ok() {}
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("{} still runs after {within:?}:\n{}", self.name, self.last_words());
            }
            thread::sleep(END_POLL);
        }
    }

    /// The files and sockets that the process has open.
    ///
    /// # Errors
    /// When it is gone.
    pub fn open_files(&self) -> Result<Vec<String>> {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.child.id()))?;
        // One that is closed while they are listed is not open.
        let targets = folder.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        Ok(targets.map(|target| target.to_string_lossy().into_owned()).collect())
    }

    /// What the process has computed so far, on all threads.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        /// Of `/proc`, on every architecture that matters.
        const TICK_MS: u64 = 10;
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name before may have spaces; user and system time are the twelfth and thirteenth number after it.
        let numbers = text.rsplit_once(')').map_or("", |(_, numbers)| numbers).split_ascii_whitespace();
        let ticks: Vec<u64> = numbers.skip(11).take(2).map_while(|number| number.parse().ok()).collect();
        Ok(Duration::from_millis(TICK_MS * ticks.iter().sum::<u64>()))
    }

    /// How often threads of the process have gone to sleep by themselves so far, each time to be woken again; of the
    /// threads whose name begins so.
    ///
    /// # Errors
    /// When it is gone.
    pub fn wakes(&self, thread: &str) -> Result<u64> {
        let mut wakes = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))?.flatten() {
            // A thread that has ended meanwhile wakes no more.
            let Ok(text) = fs::read_to_string(task.path().join("status")) else { continue };
            let value = |key| text.lines().find_map(|line| Some(line.strip_prefix(key)?.trim()));
            if value("Name:").is_some_and(|name| name.starts_with(thread)) {
                wakes += value("voluntary_ctxt_switches:").and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        Ok(wakes)
    }

    /// Everything the process has said so far, as far as it was read.
    pub fn said(&self) -> &[String] {
        &self.seen
    }

    fn last_words(&self) -> String {
        let skipped = self.seen.len().saturating_sub(LAST_WORDS);
        self.seen.iter().skip(skipped).map(|line| format!("  {}: {line}\n", self.name)).collect()
    }

    fn next_line(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        self.seen.push(line.clone());
        Ok(line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is what is wanted.
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
        if thread::panicking() {
            self.seen.extend(self.lines.try_iter());
            let _nobody_listens = std::io::stderr().write_all(self.last_words().as_bytes());
        }
    }
}

/// A thread that ends with the pipe.
fn forward_lines(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            if lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start("shell", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn lines_of_output_and_error_are_found() {
        let mut process = shell("echo one; echo two >&2; read line; echo got $line");

        process.wait_for_line(Duration::from_secs(5), |line| (line == "two").then_some(())).unwrap();
        process.write_line("three").unwrap();
        process.wait_for_line(Duration::from_secs(5), |line| (line == "got three").then_some(())).unwrap();
        assert!(process.wait(Duration::from_secs(5)).unwrap().success());
    }

    #[test]
    fn waiting_ends_with_the_process() {
        let error = shell("true").wait_for_line(Duration::from_secs(5), |_| None::<()>).unwrap_err();

        assert!(error.to_string().contains("ended"), "{error}");
    }

    #[test]
    fn waiting_ends_with_the_deadline() {
        let error = shell("read line").wait(Duration::from_millis(50)).unwrap_err();

        assert!(error.to_string().contains("still runs"), "{error}");
    }
}
