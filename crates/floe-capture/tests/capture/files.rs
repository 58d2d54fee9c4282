//! Capture files of every kind, made from the raw packets of an export.

/// A packet that begins with its IP header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    pub nanoseconds: u64,
    pub bytes: Vec<u8>,
    pub whole: u32,
}

/// The packets of an export.
pub fn raw_packets(mut file: &[u8]) -> Vec<Raw> {
    let mut packets = Vec::new();
    while !file.is_empty() {
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let length = number(4) as usize;
        if number(0) == 6 {
            let captured = number(20) as usize;
            packets.push(Raw {
                nanoseconds: u64::from(number(12)) << 32 | u64::from(number(16)),
                bytes: file[28..28 + captured].to_vec(),
                whole: number(24),
            });
        }
        file = &file[length..];
    }
    packets
}

/// How a packet is wrapped on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Ethernet,
    Vlan,
    Cooked,
    Cooked2,
    Raw,
    Loopback,
}

impl Link {
    pub const ALL: [Self; 6] = [Self::Ethernet, Self::Vlan, Self::Cooked, Self::Cooked2, Self::Raw, Self::Loopback];

    pub fn number(self) -> u16 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::Cooked => 113,
            Self::Cooked2 => 276,
            Self::Raw => 101,
            Self::Loopback => 0,
        }
    }

    /// The link-layer header of a packet.
    pub fn header(self, packet: &[u8]) -> Vec<u8> {
        let is_v4 = packet[0] >> 4 == 4;
        let kind: [u8; 2] = if is_v4 { [8, 0] } else { [0x86, 0xDD] };
        match self {
            Self::Ethernet => [&[2; 12][..], &kind].concat(),
            Self::Vlan => [&[2; 12][..], &[0x88, 0xA8, 0, 9, 0x81, 0, 0, 7], &kind].concat(),
            Self::Cooked => [&[0, 3, 0, 1, 0, 6][..], &[2; 8], &kind].concat(),
            Self::Cooked2 => [&kind[..], &[0; 8], &[3, 6], &[2; 8]].concat(),
            Self::Raw => Vec::new(),
            Self::Loopback => vec![if is_v4 { 2 } else { 30 }, 0, 0, 0],
        }
    }

    pub fn wrap(self, packet: &Raw) -> Raw {
        let header = self.header(&packet.bytes);
        let whole = packet.whole + u32::try_from(header.len()).unwrap();
        Raw { bytes: [header, packet.bytes.clone()].concat(), whole, ..*packet }
    }
}

/// A pcap file of either byte order and resolution.
pub fn pcap(link: u16, packets: &[Raw], is_big: bool, nanoseconds: bool) -> Vec<u8> {
    let u32 = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let u16 = |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut file = u32(if nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 }).to_vec();
    file.extend(u16(2));
    file.extend(u16(4));
    file.extend([0; 8]);
    file.extend(u32(262_144));
    file.extend(u32(u32::from(link)));
    for packet in packets {
        let (seconds, rest) = (packet.nanoseconds / 1_000_000_000, packet.nanoseconds % 1_000_000_000);
        let fraction = if nanoseconds { rest } else { rest / 1_000 };
        file.extend(u32(u32::try_from(seconds).unwrap()));
        file.extend(u32(u32::try_from(fraction).unwrap()));
        file.extend(u32(u32::try_from(packet.bytes.len()).unwrap()));
        file.extend(u32(packet.whole));
        file.extend(&packet.bytes);
    }
    file
}
