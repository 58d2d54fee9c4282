//! Linux network namespaces with real NATs, driving the real binary.
