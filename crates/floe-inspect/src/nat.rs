//! What the mapped addresses of one base say about the NAT in front of it (RFC 4787 section 4.1).
