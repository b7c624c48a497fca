//! (module clients)
