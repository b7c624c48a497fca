//! (module launcher)
