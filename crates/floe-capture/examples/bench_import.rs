//! How fast a large capture opens, side by side with `tshark -Y stun`: `cargo xtask bench import`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints, and ends at the first trouble"
)]

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use floe_capture::{ImportOptions, import};
use floe_inspect::Inspector;
use floe_wire::{
    RecordBody,
    stun::{Check, TransactionId, binding_success},
};

/// The best of so many runs counts: the machine may be busy.
const RUNS: usize = 5;
/// Link-layer, IP and UDP headers with the file's own before each frame.
const HEADERS: usize = 16 + 14 + 20 + 8;

fn main() {
    let megabytes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500);
    let path = std::env::temp_dir().join("floe-bench-import.pcap");
    let frames = write_capture(&path, megabytes << 20);
    let size = fs::metadata(&path).unwrap().len();
    println!("{frames} frames, {} MB: a video call with consent checks beside other traffic", size >> 20);

    // Read once, so that the file is in memory for both.
    std::io::copy(&mut File::open(&path).unwrap(), &mut std::io::sink()).unwrap();
    let before = memory("VmRSS:");
    let mut fastest = Duration::MAX;
    for run in 0..RUNS {
        let start = Instant::now();
        let options = ImportOptions::default();
        let imported = import(File::open(&path).unwrap(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
        fastest = fastest.min(start.elapsed());
        if run == 0 {
            let peak = memory("VmHWM:").saturating_sub(before);
            let packets = imported.records.iter().filter_map(|record| match &record.body {
                RecordBody::Packet(packet) => Some(packet.bytes.len() + HEADERS),
                RecordBody::Note(_) => None,
            });
            let (count, bytes) = packets.fold((0_u64, 0), |(count, bytes), length| (count + 1, bytes + length));
            let ratio = peak as f64 * 1024.0 / bytes as f64;
            println!("{count} packets of ICE, {} KB; memory {peak} KB more at the most, {ratio:.2} x", bytes >> 10);
            let held = memory("VmRSS:").saturating_sub(before);
            let mut inspector = Inspector::new();
            imported.records.iter().for_each(|record| inspector.ingest(record));
            let folded = memory("VmRSS:").saturating_sub(before);
            println!("{held} KB are held, {folded} KB with the picture of them");
            println!("{:?}", imported.counts);
        }
    }
    let rate = size as f64 / fastest.as_secs_f64() / 1e6;
    println!("floe: {:.3} s, {rate:.0} MB/s", fastest.as_secs_f64());
    compare_with_tshark(&path, fastest);
    fs::remove_file(path).unwrap();
}

fn compare_with_tshark(path: &Path, ours: Duration) {
    let start = Instant::now();
    let tshark = Command::new("tshark").args(["-n", "-Y", "stun", "-r"]).arg(path).stdout(Stdio::null()).status();
    if !tshark.is_ok_and(|status| status.success()) {
        return println!("tshark is not installed, so there is nothing to compare with");
    }
    let theirs = start.elapsed();
    println!(
        "tshark -Y stun: {:.1} s; floe is {:.0} x as fast",
        theirs.as_secs_f64(),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
}

/// A line of the process's status, in KB; zero where there is none.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Writes frames until the file is this large: audio and video both ways, a check each way every 40 packets of video on
/// four pairs (consent and keepalives of a busy minute), and a download that has nothing to do with it.
fn write_capture(path: &Path, size: u64) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]).unwrap();
    let (mut written, mut frames, mut microseconds) = (24, 0_u64, 1_700_000_000_000_000_u64);
    let mut write = |frame: Vec<u8>| {
        microseconds += 250;
        let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
        let length = u32::try_from(frame.len()).unwrap();
        for number in [u32::try_from(seconds).unwrap(), u32::try_from(rest).unwrap(), length, length] {
            file.write_all(&number.to_le_bytes()).unwrap();
        }
        file.write_all(&frame).unwrap();
        frames += 1;
        written += 16 + frame.len() as u64;
        written < size
    };
    let mut round = 0_u32;
    loop {
        round += 1;
        let from_us = round.is_multiple_of(2);
        let port = 5_000 + u16::try_from(round / 40 % 4).unwrap();
        let mut goes_on = write(udp(from_us, 5_000, &[&[0x80, 96][..], &[7; 1_100]].concat()));
        if round.is_multiple_of(4) {
            goes_on &= write(udp(from_us, 5_000, &[&[0x80, 111][..], &[7; 90]].concat()));
        }
        if round.is_multiple_of(3) {
            goes_on &= write(tcp(round));
        }
        if round.is_multiple_of(40) {
            let request = check(round, from_us);
            goes_on &= write(udp(from_us, port, &request));
            let answer = binding_success(&request, "203.0.113.9:4000".parse().unwrap(), Some(PASSWORD)).unwrap();
            goes_on &= write(udp(!from_us, port, &answer));
        }
        if !goes_on {
            return frames;
        }
    }
}

const PASSWORD: &str = "any-password-of-24-chars";

fn check(round: u32, from_us: bool) -> Vec<u8> {
    let mut transaction = [9; 12];
    transaction[..4].copy_from_slice(&round.to_be_bytes());
    let (remote_ufrag, local_ufrag) = if from_us { ("Zx9p", "Kq7m") } else { ("Kq7m", "Zx9p") };
    let check = Check {
        transaction: TransactionId(transaction),
        remote_ufrag,
        local_ufrag,
        remote_password: PASSWORD,
        priority: 1_845_501_695,
        controlling: from_us,
        tie_breaker: 7,
        nomination: None,
    };
    check.encode()
}

fn ip(protocol: u8, from_us: bool, segment: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(u16::try_from(20 + segment.len()).unwrap().to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    let (us, peer) = ([192, 168, 1, 2], [203, 0, 113, 9]);
    frame.extend(if from_us { [us, peer] } else { [peer, us] }.concat());
    frame.extend(segment);
    frame
}

fn udp(from_us: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let ports = if from_us { [port, 4_000] } else { [4_000, port] };
    let mut segment = ports.map(u16::to_be_bytes).concat();
    segment.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(payload);
    ip(17, from_us, &segment)
}

fn tcp(round: u32) -> Vec<u8> {
    let mut segment = [443_u16, 50_000].map(u16::to_be_bytes).concat();
    segment.extend(round.wrapping_mul(1_400).to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    segment.extend([0x17; 1_400]);
    ip(6, false, &segment)
}
