//! `floe call`: a call with a friend, headless.

use std::{collections::VecDeque, io::Write as _, time::Duration};

use floe_call::{AudioSource, Call, CallConfig, Command, PasteOutcome, Playback, Privacy, Snapshot};
use floe_inspect::{
    Picture, Report,
    picture::{ServerVerdict, ServerView},
};
use floe_signal::{Code, CodeError};
use floe_wire::{GatheringState, IceConnectionState};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Status,
    args::CallOptions,
    keep::Keeping,
    output::{self, sentence_of, status_of},
    progress::Progress,
    wishes::TimedWish,
};
use crate::engine::Engine;

/// A pasted code may be wrapped over lines; whatever is longer than this is not one.
const LONGEST_CODE: usize = 40 * 1024;

pub(super) fn run(options: CallOptions) -> anyhow::Result<Status> {
    if options.privacy == Privacy::RelayOnly && options.network.turn.servers.is_empty() {
        anyhow::bail!("--privacy relay-only needs a relay; name a TURN server with --turn");
    }
    let engine = Engine::start()?;
    let keeping = Keeping::start(&options.keep)?;
    let call = engine.call(CallConfig { records: keeping.records(), ..config_of(&options)? });
    let status = engine.runtime().block_on(async {
        let mut progress = Progress::new();
        let mut conversation = Conversation::new(&options, call);
        let outcome = conversation.run(&mut progress).await;
        progress.end();
        let snapshot = conversation.call.finish().await;
        keeping.finish();
        outcome?;
        output::write(&options.output, &Report::of(&snapshot.picture), &sentence_of(&snapshot.picture))?;
        Ok(status_of(&snapshot.picture))
    });
    // Standard input is read on a thread that nothing can interrupt; the process does not wait for it.
    engine.shut_down();
    status
}

fn config_of(options: &CallOptions) -> anyhow::Result<CallConfig> {
    let playback = match options.audio {
        AudioSource::Device(_) => Playback::Device(None),
        AudioSource::None | AudioSource::Tone { .. } | AudioSource::Wav(_) => Playback::None,
    };
    Ok(CallConfig {
        stun_servers: options.stun.clone(),
        web_page: options.network.web_page.clone(),
        turn_servers: options.network.turn.servers()?,
        turn_trust: options.network.turn.trust()?,
        interfaces: options.network.interfaces.clone(),
        privacy: options.privacy,
        include_loopback: options.network.loopback,
        tcp_ports: options.tcp_ports.clone(),
        source: options.audio.clone(),
        playback,
        record_wav: options.record.clone(),
        ..CallConfig::default()
    })
}

/// One call and where it stands for the person at the terminal.
struct Conversation<'a> {
    options: &'a CallOptions,
    call: Call,
    code_printed: Option<String>,
    forecast_is_told: bool,
    failure_is_told: bool,
    refusal_told: Option<String>,
    servers_told: Vec<String>,
    deadline: Instant,
    /// Since when media is secured.
    secured: Option<Instant>,
    /// What is left to do, the next first.
    wishes: VecDeque<TimedWish>,
}

impl<'a> Conversation<'a> {
    fn new(options: &'a CallOptions, call: Call) -> Self {
        let deadline = Instant::now() + Duration::from_secs(options.wait);
        let mut wishes = options.wishes.clone();
        wishes.sort_by_key(|wish| wish.at);
        Self {
            options,
            call,
            code_printed: None,
            forecast_is_told: false,
            failure_is_told: false,
            refusal_told: None,
            servers_told: Vec::new(),
            deadline,
            secured: None,
            wishes: wishes.into(),
        }
    }

    /// Runs until the time is over, the path is lost, a side hangs up, or Ctrl+C.
    async fn run(&mut self, progress: &mut Progress) -> anyhow::Result<()> {
        let mut codes = self.peer_codes()?;
        let mut snapshots = self.call.watch();
        let mut terminated = Box::pin(termination());
        loop {
            let snapshot = self.call.snapshot();
            progress.show(&snapshot.picture);
            if self.is_over(&snapshot, progress)? {
                return Ok(());
            }
            self.wish(progress);
            tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
                Some(code) = codes.recv() => { self.call.send(Command::PasteCode(code)); }
                () = sleep_until(self.next_wish().map_or(self.deadline, |at| at.min(self.deadline))) => {
                    if Instant::now() < self.deadline {
                        continue;
                    }
                    if self.secured.is_none() {
                        progress.say(&format!("Not connected within {} s (--wait); giving up.", self.options.wait));
                    }
                    return Ok(());
                }
                () = &mut terminated => return Ok(()),
            }
        }
    }

    fn next_wish(&self) -> Option<Instant> {
        Some(self.secured? + self.wishes.front()?.at)
    }

    /// Does what is to be done by now.
    fn wish(&mut self, progress: &mut Progress) {
        while self.next_wish().is_some_and(|at| at <= Instant::now()) {
            let Some(TimedWish { at, wish }) = self.wishes.pop_front() else { return };
            let outcome = if wish.apply(&self.call) { "" } else { ": no such pair answers" };
            progress.say(&format!("At {:.1} s {wish}{outcome}", at.as_secs_f64()));
        }
    }

    /// The peer's code from the option, or codes from standard input as they come.
    fn peer_codes(&self) -> anyhow::Result<mpsc::Receiver<String>> {
        let (sender, receiver) = mpsc::channel(4);
        match self.options.code.as_deref() {
            None | Some("-") => {
                tokio::spawn(read_codes(sender));
            }
            Some(code) => {
                Code::decode(code).map_err(|error| anyhow::anyhow!("{error}"))?;
                sender.try_send(code.to_owned())?;
            }
        }
        Ok(receiver)
    }

    fn is_over(&mut self, snapshot: &Snapshot, progress: &mut Progress) -> anyhow::Result<bool> {
        // Another one follows when an address of the first has moved, is lost, or came too late for it.
        if let Some(code) = snapshot.code.as_ref().filter(|code| self.code_printed.as_ref() != Some(code)) {
            if self.code_printed.is_some() {
                progress.say("An address in your code has changed or come late; send the new one.");
            }
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "code: {code}")?;
            stdout.flush()?;
            self.code_printed = Some(code.clone());
        }
        self.tell_refusal(snapshot, progress)?;
        self.tell_servers(&snapshot.picture, progress);
        if let (false, Some(forecast)) = (self.forecast_is_told, &snapshot.picture.forecast) {
            progress.say(&format!("Forecast: {}, because {}.", forecast.outlook.name(), forecast.why));
            self.forecast_is_told = true;
        }
        if self.secured.is_none() && snapshot.picture.timings.secured.is_some() {
            self.secured = Some(Instant::now());
            self.deadline = match self.options.seconds {
                Some(seconds) => Instant::now() + Duration::from_secs(seconds),
                None => Instant::now() + Duration::from_secs(365 * 24 * 3600),
            };
        }
        if snapshot.picture.ice_connection_state() != IceConnectionState::Failed {
            // A call that stays may fail again, which is told again.
            self.failure_is_told &= self.secured.is_none();
            return Ok(snapshot.finished);
        }
        if self.secured.is_some() && !self.options.stay {
            return Ok(true);
        }
        if !self.failure_is_told {
            self.failure_is_told = true;
            progress.say(if self.secured.is_some() {
                "The path is lost. Floe keeps trying until the network is back; Ctrl+C hangs up."
            } else {
                // A person carries the codes: the friend may paste minutes later, and slow checks go on for that.
                "No answer yet. Floe keeps trying until your friend has pasted your code; Ctrl+C gives up."
            });
        }
        Ok(snapshot.finished)
    }

    /// Names each server that is of no use, once.
    fn tell_servers(&mut self, picture: &Picture, progress: &mut Progress) {
        for (url, error) in useless_servers(picture) {
            if !self.servers_told.iter().any(|told| told == url) {
                progress.say(&format!("{url} is of no use: {error}."));
                self.servers_told.push(url.to_owned());
            }
        }
    }

    /// Says once why a pasted code was refused; a code given as an option cannot be corrected, so that ends the call.
    fn tell_refusal(&mut self, snapshot: &Snapshot, progress: &mut Progress) -> anyhow::Result<()> {
        let Some(PasteOutcome::Refused(reason)) = &snapshot.paste else { return Ok(()) };
        if self.options.code.as_deref().is_some_and(|code| code != "-") {
            anyhow::bail!("{reason}");
        }
        if self.refusal_told.as_ref() != Some(reason) {
            progress.say(reason);
            self.refusal_told = Some(reason.clone());
        }
        Ok(())
    }
}

/// What became of a server that is of no use, once all that were asked have answered or were given up: of two addresses
/// one may be silent while the other one serves.
fn useless_servers(picture: &Picture) -> impl Iterator<Item = (&str, &str)> {
    let is_known = picture.gathering_state() == GatheringState::Complete;
    let serves = |url: &str| {
        let answers = |server: &&ServerView| matches!(server.verdict, ServerVerdict::Answered { .. });
        picture.servers.iter().filter(|server| server.url == url).any(|server| answers(&server))
    };
    picture.servers.iter().filter(move |_| is_known).filter_map(move |server| match &server.verdict {
        ServerVerdict::Failed { error } if !serves(&server.url) => Some((server.url.as_str(), error.as_str())),
        ServerVerdict::Failed { .. } | ServerVerdict::Answered { .. } => None,
    })
}

/// Reads codes from standard input; a code may be wrapped over several lines.
async fn read_codes(codes: mpsc::Sender<String>) {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut pending = String::new();
    loop {
        let mut line = String::new();
        let limit = (LONGEST_CODE - pending.len()) as u64;
        let read = (&mut input).take(limit.max(1)).read_line(&mut line).await;
        let is_end = !matches!(read, Ok(length) if length > 0);
        pending.push_str(&line);
        let is_wrapped = matches!(Code::decode(&pending), Err(CodeError::CutOff { .. } | CodeError::Empty));
        if is_wrapped && !is_end && pending.len() < LONGEST_CODE {
            continue;
        }
        if !pending.trim().is_empty() && codes.send(std::mem::take(&mut pending)).await.is_err() {
            return;
        }
        if is_end {
            return;
        }
    }
}

/// Ends at Ctrl+C, or where there is such a thing at a request to terminate.
async fn termination() {
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
