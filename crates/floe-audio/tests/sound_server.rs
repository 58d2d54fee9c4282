//! Real streams through a private PulseAudio with a null sink, and machines without a working sound server.
//!
//! The sound server is found through the environment, so every test runs its body in a child process with its own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "test helpers, which the lints take for code")]

use std::{
    env, fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    thread,
    time::{Duration, Instant},
};

use floe_audio::{AudioError, Capture, DeviceTrouble, Devices, Playout, devices};
use floe_media::{FRAME_DURATION, FRAME_SAMPLES, ToneMeter, ToneSource, level::rms_dbfs};

/// Names the directory of the child's sound server; its absence marks the parent.
const DIRECTORY: &str = "FLOE_AUDIO_TEST_DIRECTORY";

/// A fresh null sink may stall for two seconds when it first plays.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("floe-audio-{}-{test}", id()));
        fs::create_dir_all(path.join("pulse")).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("pulse/native")
    }

    /// Runs one test of this file again, in a process that sees only this directory's sound server.
    fn run(&self, test: &str) {
        let status = in_real_time(&env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env_remove("PULSE_SERVER")
            .env_remove("PULSE_RUNTIME_PATH")
            .env("XDG_RUNTIME_DIR", &self.0)
            .env("HOME", &self.0)
            .env(DIRECTORY, &self.0)
            .status()
            .unwrap();
        assert!(status.success(), "{test} failed in its own process");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What remains in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that comes before others where the system allows it, and runs as usual elsewhere: audio that waits for a
/// processor has gaps.
fn in_real_time(program: &Path) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "-15"]).arg(program);
    command
}

/// A sound server that goes with the test.
struct SoundServer(Child);

impl SoundServer {
    /// Starts a server with a 44.1 kHz stereo null sink; nothing if PulseAudio is not installed here.
    fn start(directory: &Directory) -> Option<Self> {
        let native = format!("module-native-protocol-unix socket={} auth-anonymous=1", directory.socket().display());
        let folders = env::var_os("PATH")?;
        let program = env::split_paths(&folders).map(|folder| folder.join("pulseaudio")).find(|path| path.exists())?;
        let spawned = in_real_time(&program)
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"])
            .args(["--high-priority=yes", "--realtime=yes"])
            .args(["-L", "module-null-sink sink_name=floe rate=44100 channels=2 format=s16le", "-L", &native])
            .env("XDG_RUNTIME_DIR", &directory.0)
            .env("HOME", &directory.0)
            .stderr(Stdio::null())
            .spawn();
        let server = Self(spawned.unwrap());
        wait_until("the sound server listens", || directory.socket().exists());
        Some(server)
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// Runs `body` in a process whose sound server is a private PulseAudio.
fn with_sound_server(test: &str, body: impl FnOnce(&Path)) {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return body(Path::new(&directory));
    }
    let directory = Directory::new(test);
    let Some(_server) = SoundServer::start(&directory) else {
        println!("NOT RUN: {test}: pulseaudio is not installed on this machine");
        assert!(env::var("CI").as_deref() != Ok("true"), "CI must have pulseaudio: {test} was not run");
        return;
    };
    directory.run(test);
}

/// Calls `tick` every 20 ms until it is done.
fn every_frame(what: &str, mut tick: impl FnMut() -> bool) {
    let start = Instant::now();
    for index in 1.. {
        if tick() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        let next = start + FRAME_DURATION * index;
        while let Some(wait) = next.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
            thread::park_timeout(wait);
        }
    }
}

#[test]
fn a_tone_played_into_a_null_sink_comes_back_from_its_monitor() {
    with_sound_server("a_tone_played_into_a_null_sink_comes_back_from_its_monitor", |_| {
        let found = devices().unwrap();
        assert_eq!((found.inputs.len(), found.outputs.len()), (1, 1), "{found:?}");
        assert!(found.inputs[0].is_default && found.outputs[0].is_default, "{found:?}");
        let mut capture = Capture::open(Some(&found.inputs[0].id)).unwrap();
        let mut playout = Playout::open(Some(&found.outputs[0].id)).unwrap();
        assert_eq!((capture.device_rate(), playout.device_rate()), (44_100, 44_100));
        let (mut tone, mut meter, mut frame) = (ToneSource::new(440.0), ToneMeter::new(), [0.0; FRAME_SAMPLES]);
        let mut ticks = 0;
        every_frame("440 Hz at -15 dBFS heard", || {
            tone.read(&mut frame);
            playout.write(&frame);
            while capture.read(&mut frame) {
                meter.push(&frame);
            }
            ticks += 1;
            // Gaps of a machine that is busy elsewhere blur the tone for a while; a wrong rate on the way would make it
            // 404 or 479 Hz.
            let is_as_loud = (capture.level() - -15.0).abs() < 1.5;
            ticks % 10 == 0 && is_as_loud && meter.hz().is_some_and(|hz| (hz - 440.0).abs() < 0.5)
        });
        measure_loop(&mut capture, &mut playout);
        assert_eq!((capture.trouble(), playout.trouble()), (None, None));
        println!("capture {:?}, playout {:?}", capture.counters(), playout.counters());
    });
}

/// Measures the loop until it is short: a machine whose cores are busy elsewhere lengthens the queues for a while, and
/// they have to come down again.
fn measure_loop(capture: &mut Capture, playout: &mut Playout) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (round_trip, queued) = (time_a_burst(capture, playout), playout.queued_ms());
        println!(
            "loop {round_trip:?}, of which queued {queued:.0} ms, device {:.0} + {:.0} ms",
            playout.latency_ms(),
            capture.latency_ms(),
        );
        if round_trip < Duration::from_millis(400) && queued < 100.0 {
            return;
        }
        assert!(Instant::now() < deadline, "the loop stays long: {round_trip:?}, {queued} ms queued");
    }
}

/// Falls silent for a second, then times how long a tone takes from the write to the read.
fn time_a_burst(capture: &mut Capture, playout: &mut Playout) -> Duration {
    let (mut tone, mut frame, mut quiet_frames, mut burst) = (ToneSource::new(1000.0), [0.0; FRAME_SAMPLES], 0, None);
    let mut round_trip = None;
    every_frame("the burst heard", || {
        if quiet_frames >= 50 {
            burst.get_or_insert_with(Instant::now);
            tone.read(&mut frame);
        } else {
            frame.fill(0.0);
        }
        playout.write(&frame);
        while capture.read(&mut frame) {
            let loud = rms_dbfs(&frame) > -50.0;
            quiet_frames = if loud { 0 } else { quiet_frames + 1 };
            if round_trip.is_none() {
                round_trip = burst.filter(|_| loud).map(|at: Instant| at.elapsed());
            }
        }
        round_trip.is_some()
    });
    round_trip.unwrap()
}

#[test]
fn a_sound_server_that_dies_is_trouble_and_not_a_panic() {
    let test = "a_sound_server_that_dies_is_trouble_and_not_a_panic";
    with_sound_server(test, |directory| {
        let own = Directory(directory.join("second"));
        fs::create_dir_all(own.0.join("pulse")).unwrap();
        // The server of this process is another one than the parent's, so that it can be ended here.
        let Some(server) = SoundServer::start(&own) else { panic!("it was there a moment ago") };
        fs::rename(own.socket(), directory.join("pulse/native")).unwrap();
        let (mut capture, mut playout) = (Capture::open(None).unwrap(), Playout::open(None).unwrap());
        assert_eq!((capture.trouble(), playout.trouble()), (None, None));
        drop(server);
        let mut frame = [0.0; FRAME_SAMPLES];
        wait_until("both streams report trouble", || {
            playout.write(&frame);
            capture.read(&mut frame);
            capture.trouble().is_some() && playout.trouble().is_some()
        });
        assert_ne!(capture.trouble(), Some(DeviceTrouble::Failed));
    });
}

#[test]
fn a_machine_without_sound_has_no_devices_and_says_so_at_once() {
    let test = "a_machine_without_sound_has_no_devices_and_says_so_at_once";
    if env::var_os(DIRECTORY).is_none() {
        return Directory::new(test).run(test);
    }
    let start = Instant::now();
    // A machine whose cards ALSA reaches without a server has devices; the promise is then only to answer.
    let found = devices().unwrap();
    if Path::new("/proc/asound/cards").exists() {
        println!("this machine has sound cards: {found:?}");
    } else {
        assert_eq!(found, Devices::default());
        let nothing = Playout::open(None).err().unwrap().to_string();
        assert_eq!(nothing, "this machine has no audio output device");
        let nothing = Capture::open(None).err().unwrap().to_string();
        assert_eq!(nothing, "this machine has no audio input device");
    }
    let absent = Capture::open(Some("pulseaudio:nothing")).err().unwrap();
    assert!(absent.to_string().contains("not found"), "{absent}");
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
}

#[test]
fn a_sound_server_that_hangs_hangs_nobody_else() {
    let test = "a_sound_server_that_hangs_hangs_nobody_else";
    if env::var_os(DIRECTORY).is_none() {
        let directory = Directory::new(test);
        let _never_answers = UnixListener::bind(directory.socket()).unwrap();
        return directory.run(test);
    }
    let start = Instant::now();
    let listed = devices();
    assert!(listed.is_ok() || matches!(listed, Err(AudioError::Unresponsive { .. })), "{listed:?}");
    thread::scope(|scope| {
        scope.spawn(|| drop(Capture::open(None)));
        scope.spawn(|| drop(Playout::open(None)));
    });
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
}
