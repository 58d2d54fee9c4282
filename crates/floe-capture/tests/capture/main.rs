//! Files as people have them: golden ones, whole calls, and what other programs read and write.

mod golden;
