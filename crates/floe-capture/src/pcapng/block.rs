//! The four kinds of blocks that an export needs (draft-ietf-opsawg-pcapng), little-endian.

/// Block types.
pub(crate) mod kind {
    pub const SECTION: u32 = 0x0A0D_0D0A;
    pub const INTERFACE: u32 = 1;
    pub const OBSOLETE_PACKET: u32 = 2;
    pub const SIMPLE_PACKET: u32 = 3;
    pub const STATISTICS: u32 = 5;
    pub const PACKET: u32 = 6;
}

/// Option codes.
pub(crate) mod option {
    pub const COMMENT: u16 = 1;
    pub const SECTION_APPLICATION: u16 = 4;
    pub const INTERFACE_NAME: u16 = 2;
    pub const INTERFACE_DESCRIPTION: u16 = 3;
    pub const INTERFACE_RESOLUTION: u16 = 9;
    pub const INTERFACE_OFFSET: u16 = 14;
    pub const PACKET_FLAGS: u16 = 2;
}

/// Tells the byte order of a section.
pub(crate) const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;

/// A block being made.
#[derive(Debug)]
pub(super) struct Block {
    kind: u32,
    body: Vec<u8>,
    has_options: bool,
}

impl Block {
    fn new(kind: u32) -> Self {
        Self { kind, body: Vec::new(), has_options: false }
    }

    /// Section header of version 1.0 and of unknown length.
    pub fn section() -> Self {
        let mut block = Self::new(kind::SECTION);
        block.body.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        block.body.extend(1_u16.to_le_bytes());
        block.body.extend(0_u16.to_le_bytes());
        block.body.extend((-1_i64).to_le_bytes());
        block
    }

    /// Interface description without a limit to what was captured.
    pub fn interface(link_type: u16) -> Self {
        let mut block = Self::new(kind::INTERFACE);
        block.body.extend(link_type.to_le_bytes());
        block.body.extend([0; 6]);
        block
    }

    /// Enhanced packet; `whole` is its length on the wire.
    pub fn packet(interface: u32, at: u64, bytes: &[u8], whole: u32) -> Self {
        let mut block = Self::new(kind::PACKET);
        block.body.extend(interface.to_le_bytes());
        block.stamp(at);
        block.body.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        block.body.extend(whole.to_le_bytes());
        block.body.extend(bytes);
        block.pad();
        block
    }

    /// Interface statistics, the only block that can hold comments at the end of a file.
    pub fn statistics(interface: u32, at: u64) -> Self {
        let mut block = Self::new(kind::STATISTICS);
        block.body.extend(interface.to_le_bytes());
        block.stamp(at);
        block
    }

    fn stamp(&mut self, at: u64) {
        let [high, low] = [at >> 32, at & 0xFFFF_FFFF].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
        self.body.extend(high.to_le_bytes());
        self.body.extend(low.to_le_bytes());
    }

    /// Adds an option.
    pub fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.has_options = true;
        self.body.extend(code.to_le_bytes());
        self.body.extend(length.to_le_bytes());
        self.body.extend(&value[..usize::from(length)]);
        self.pad();
    }

    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// Appends the block to `out`.
    pub fn write_to(mut self, out: &mut Vec<u8>) {
        if self.has_options {
            self.body.extend([0; 4]);
        }
        let length = u32::try_from(self.body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
        out.extend(self.kind.to_le_bytes());
        out.extend(length);
        out.extend(self.body);
        out.extend(length);
    }
}
