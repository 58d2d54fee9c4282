//! The adaptive jitter buffer's parts.
