//! (module actors)
