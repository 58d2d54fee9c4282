//! SRTP and SRTCP with keys from DTLS (RFC 3711, RFC 5764, RFC 7714).

use dimpl::SrtpProfile;
use webrtc_srtp::{
    Error,
    context::Context,
    option::{srtcp_replay_protection, srtp_replay_protection},
    protection_profile::ProtectionProfile,
};

use crate::SecureError;

/// Packets that may arrive late before they count as replayed (RFC 3711 section 3.3.2 asks for at least 64).
const REPLAY_WINDOW: usize = 256;
/// A call has one source of each kind; a peer that restarts its audio may take a few.
const MAX_SOURCES: usize = 16;
/// An RTP header, and an RTCP header with the sender's source and the SRTCP index.
const SHORTEST_RTP: usize = 12;
const SHORTEST_RTCP: usize = 8 + SRTCP_INDEX;
/// The E bit and the index; the last four bytes with AES-GCM (RFC 7714 section 9.3), before the tag with AES-CM.
const SRTCP_INDEX: usize = 4;

/// Both directions of protected media.
pub(crate) struct Srtp {
    outbound: Context,
    inbound: Inbound,
}

/// The receiving direction. The library keeps a state for every source it is shown, authentic or not; so strangers
/// are tried on a context of their own, and only authentic sources are kept. None is forgotten, or its packets could be
/// replayed.
struct Inbound {
    keys: Keys,
    rtp: Vec<Source>,
    rtcp: Vec<Source>,
}

struct Source {
    ssrc: u32,
    context: Context,
}

#[derive(Clone)]
struct Keys {
    profile: ProtectionProfile,
    tag_len: usize,
    key: Vec<u8>,
    salt: Vec<u8>,
}

/// The RFC spelling of a protection profile.
pub(crate) fn profile_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        SrtpProfile::AEAD_AES_128_GCM => "SRTP_AEAD_AES_128_GCM",
        SrtpProfile::AEAD_AES_256_GCM => "SRTP_AEAD_AES_256_GCM",
        _ => "unknown",
    }
}

impl Srtp {
    /// Splits the keying material of RFC 5764 section 4.2: client key, server key, client salt, server salt.
    pub fn new(profile: SrtpProfile, keying: &[u8], is_client: bool) -> Result<Self, SecureError> {
        let (protection, key_len, salt_len, tag_len) = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => (ProtectionProfile::Aes128CmHmacSha1_80, 16, 14, 10),
            SrtpProfile::AEAD_AES_128_GCM => (ProtectionProfile::AeadAes128Gcm, 16, 12, 16),
            SrtpProfile::AEAD_AES_256_GCM => (ProtectionProfile::AeadAes256Gcm, 32, 12, 16),
            _ => return Err(SecureError::NoMediaKeys),
        };
        if keying.len() < 2 * (key_len + salt_len) {
            return Err(SecureError::NoMediaKeys);
        }
        let (keys, salts) = keying.split_at(2 * key_len);
        let side = |server: usize| Keys {
            profile: protection,
            tag_len,
            key: keys[server * key_len..][..key_len].to_vec(),
            salt: salts[server * salt_len..][..salt_len].to_vec(),
        };
        let (ours, theirs) = if is_client { (side(0), side(1)) } else { (side(1), side(0)) };
        Ok(Self { outbound: ours.context()?, inbound: Inbound { keys: theirs, rtp: Vec::new(), rtcp: Vec::new() } })
    }

    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        let protected = self.outbound.encrypt_rtp(packet);
        protected.map(Into::into).map_err(|error| SecureError::Unprotectable(error.to_string()))
    }

    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        let protected = self.outbound.encrypt_rtcp(packet);
        protected.map(Into::into).map_err(|error| SecureError::Unprotectable(error.to_string()))
    }

    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        if packet.len() < SHORTEST_RTP + self.inbound.keys.tag_len {
            return Err(SecureError::NotAuthentic);
        }
        let ssrc = ssrc_at(packet, 8)?;
        let Inbound { keys, rtp, .. } = &mut self.inbound;
        unprotect(keys, rtp, ssrc, |context| context.decrypt_rtp(packet).map(Into::into))
    }

    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SecureError> {
        if packet.len() < SHORTEST_RTCP + self.inbound.keys.tag_len || !self.inbound.keys.is_encrypted_rtcp(packet) {
            return Err(SecureError::NotAuthentic);
        }
        let ssrc = ssrc_at(packet, 4)?;
        let Inbound { keys, rtcp, .. } = &mut self.inbound;
        unprotect(keys, rtcp, ssrc, |context| context.decrypt_rtcp(packet).map(Into::into))
    }
}

impl Keys {
    /// Whether the E bit is set (RFC 3711 section 3.4). The library hands out AES-CM packets without it and without a
    /// look at their tag, so anybody could forge reports; peers of a call always encrypt.
    fn is_encrypted_rtcp(&self, packet: &[u8]) -> bool {
        let trailer = match self.profile {
            ProtectionProfile::AeadAes128Gcm | ProtectionProfile::AeadAes256Gcm => SRTCP_INDEX,
            _ => SRTCP_INDEX + self.tag_len,
        };
        packet.len().checked_sub(trailer).and_then(|at| packet.get(at)).is_some_and(|byte| byte & 0x80 != 0)
    }

    fn context(&self) -> Result<Context, SecureError> {
        let rtp = Some(srtp_replay_protection(REPLAY_WINDOW));
        let rtcp = Some(srtcp_replay_protection(REPLAY_WINDOW));
        Context::new(&self.key, &self.salt, self.profile, rtp, rtcp).map_err(|_| SecureError::NoMediaKeys)
    }
}

/// Unprotects with a known source's context, or tries a stranger on a fresh one and keeps it if it is authentic.
fn unprotect(
    keys: &Keys,
    known: &mut Vec<Source>,
    ssrc: u32,
    decrypt: impl Fn(&mut Context) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, SecureError> {
    if let Some(source) = known.iter_mut().find(|source| source.ssrc == ssrc) {
        return decrypt(&mut source.context).map_err(refusal);
    }
    let mut source = Source { ssrc, context: keys.context()? };
    let plain = decrypt(&mut source.context).map_err(refusal)?;
    if known.len() == MAX_SOURCES {
        return Err(SecureError::TooManySources);
    }
    known.push(source);
    Ok(plain)
}

fn refusal(error: Error) -> SecureError {
    match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) | Error::ErrDuplicated => SecureError::Replayed,
        _ => SecureError::NotAuthentic,
    }
}

fn ssrc_at(packet: &[u8], at: usize) -> Result<u32, SecureError> {
    let bytes = packet.get(at..at + 4).ok_or(SecureError::NotAuthentic)?;
    Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| SecureError::NotAuthentic)?))
}

#[cfg(test)]
mod tests;
