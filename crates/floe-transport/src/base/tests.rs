//! Bases over a network made for the test.

use std::{
    collections::VecDeque,
    sync::{Mutex, Weak},
    task::{Context, Poll},
};

use floe_wire::{InterfaceKind, Record, RecordBody, note::DropKind};

use super::*;
use crate::{BoxFuture, Clock, TapReceiver, TcpListener, TcpStream, clock};

/// What a scripted socket does next when it is read.
#[derive(Debug)]
enum Step {
    Datagram(Vec<u8>),
    Error(io::ErrorKind),
}

/// A network whose only socket follows a script, then stays silent or fails for ever.
struct Scripted {
    socket: Arc<Script>,
}

struct Script {
    steps: Mutex<VecDeque<Step>>,
    then: Option<io::ErrorKind>,
    sent: Mutex<Vec<SocketAddr>>,
    refuse_sends: bool,
}

struct ScriptedSocket(Arc<Script>);

impl Network for Scripted {
    fn interfaces(&self) -> io::Result<Vec<InterfaceInfo>> {
        Ok(vec![interface()])
    }

    fn bind_udp(&self, _: SocketAddr) -> io::Result<Box<dyn UdpSocket>> {
        Ok(Box::new(ScriptedSocket(Arc::clone(&self.socket))))
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr, _: SocketAddr) -> BoxFuture<'a, io::Result<Box<dyn TcpStream>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn listen_tcp(&self, _: SocketAddr) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl UdpSocket for ScriptedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok("192.0.2.1:5000".parse().unwrap())
    }

    fn try_send_to(&self, _: &[u8], remote: SocketAddr) -> io::Result<()> {
        if self.0.refuse_sends {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.0.sent.lock().unwrap().push(remote);
        Ok(())
    }

    fn poll_recv_from(&self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        match (self.0.steps.lock().unwrap().pop_front(), self.0.then) {
            (Some(Step::Datagram(bytes)), _) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Poll::Ready(Ok((bytes.len(), remote())))
            }
            (Some(Step::Error(kind)), _) | (None, Some(kind)) => Poll::Ready(Err(kind.into())),
            (None, None) => Poll::Pending,
        }
    }
}

fn interface() -> InterfaceInfo {
    InterfaceInfo { name: "eth0".to_owned(), kind: InterfaceKind::Ethernet, addresses: Vec::new() }
}

fn remote() -> SocketAddr {
    "192.0.2.9:9".parse().unwrap()
}

struct Fixture {
    base: Base,
    inbound: mpsc::Receiver<Inbound>,
    records: TapReceiver,
    socket: Weak<Script>,
}

fn open(steps: Vec<Step>, then: Option<io::ErrorKind>, room: usize) -> Fixture {
    open_with(Script { steps: Mutex::new(steps.into()), then, sent: Mutex::default(), refuse_sends: false }, room)
}

fn open_with(script: Script, room: usize) -> Fixture {
    let network = Scripted { socket: Arc::new(script) };
    let socket = Arc::downgrade(&network.socket);
    let (tap, records) = Tap::new(Clock::start(), 64);
    let (sender, inbound) = mpsc::channel(room);
    let ip = "192.0.2.1".parse().unwrap();
    let base = Base::open(&network, &tap, BaseId(3), interface(), ip, sender).unwrap();
    Fixture { base, inbound, records, socket }
}

async fn notes(records: &mut TapReceiver) -> Vec<Note> {
    let mut all: Vec<Record> = Vec::new();
    while records.recv_many(&mut all).await > 0 {}
    let note = |record: Record| match record.body {
        RecordBody::Note(note) => Some(*note),
        RecordBody::Packet(_) => None,
    };
    all.into_iter().filter_map(note).collect()
}

#[tokio::test]
async fn what_arrives_is_classified_and_handed_over_in_full() {
    let mut fixture = open(vec![Step::Datagram(vec![0x80; 300])], None, 4);
    let inbound = fixture.inbound.recv().await.unwrap();
    assert_eq!((inbound.base, inbound.remote, inbound.kind), (BaseId(3), remote(), PacketKind::Rtp));
    assert_eq!(inbound.bytes.len(), 300);
}

#[tokio::test]
async fn the_record_of_an_arrival_bears_its_time() {
    let mut fixture = open(vec![Step::Datagram(vec![22])], None, 4);
    let inbound = fixture.inbound.recv().await.unwrap();
    let clock = fixture.base.shared.tap.clock();
    let mut records = Vec::new();
    fixture.records.recv_many(&mut records).await;
    let packet = records.iter().find(|record| matches!(record.body, RecordBody::Packet(_))).unwrap();
    assert_eq!(packet.at, clock.stamp_of(inbound.at));
}

#[tokio::test(start_paused = true)]
async fn datagrams_without_room_are_dropped_and_counted() {
    let steps = (0..10).map(|_| Step::Datagram(vec![22])).collect();
    let mut fixture = open(steps, None, 4);
    // Time only passes on the paused clock once the reader has nothing left to read.
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(fixture.base);
    let notes = notes(&mut fixture.records).await;
    assert!(notes.contains(&Note::Dropped { what: DropKind::Datagrams, count: 6 }), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peers_closed_port_does_not_end_the_reader() {
    let mut steps: Vec<Step> = (0..50).map(|_| Step::Error(io::ErrorKind::ConnectionRefused)).collect();
    steps.push(Step::Datagram(vec![22]));
    let mut fixture = open(steps, None, 4);
    assert_eq!(fixture.inbound.recv().await.unwrap().bytes, vec![22]);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_fails_for_good_is_given_up_and_told_once() {
    let mut fixture = open(Vec::new(), Some(io::ErrorKind::NotConnected), 4);
    let start = clock::now();
    let is_closed = |record: &Record| record.body == RecordBody::note(Note::BaseClosed { base: BaseId(3) });
    let mut records = Vec::new();
    while !records.iter().any(is_closed) {
        fixture.records.recv_many(&mut records).await;
    }
    let waited = clock::now() - start;
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(6), "{waited:?}");
    drop(fixture.base);
    fixture.records.recv_many(&mut records).await;
    assert_eq!(records.iter().filter(|record| is_closed(record)).count(), 1);
}

#[tokio::test]
async fn a_refused_send_is_noted_after_the_datagram() {
    let script = Script { steps: Mutex::default(), then: None, sent: Mutex::default(), refuse_sends: true };
    let mut fixture = open_with(script, 4);
    assert!(!fixture.base.send(&[22], remote()));
    let mut records = Vec::new();
    fixture.records.recv_many(&mut records).await;
    assert!(matches!(&records[1].body, RecordBody::Packet(packet) if packet.direction == Direction::Outbound));
    assert!(matches!(records[2].body.as_note(), Some(Note::SendFailed { base: BaseId(3), .. })));
}

#[tokio::test]
async fn an_address_of_the_other_family_never_reaches_the_socket() {
    let fixture = open(Vec::new(), None, 4);
    assert!(fixture.base.send(&[22], remote()));
    assert!(!fixture.base.send(&[22], "[2001:db8::1]:9".parse().unwrap()));
    assert_eq!(*fixture.socket.upgrade().unwrap().sent.lock().unwrap(), [remote()]);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_base_closes_its_socket() {
    let fixture = open(Vec::new(), None, 4);
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(fixture.base);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(fixture.socket.upgrade().is_none());
}
