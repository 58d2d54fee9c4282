//! RTP, RTCP, Opus, jitter buffer, concealment, tone, WAV and levels; pure.
