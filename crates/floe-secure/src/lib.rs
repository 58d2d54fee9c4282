//! DTLS and SRTP over any datagram pipe.
