//! A cluster on one machine: the frameworks' own HTTP interfaces over real, CPU-limited processes or containers.

pub mod executor;
