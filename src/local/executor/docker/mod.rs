//! Tasks as containers.
