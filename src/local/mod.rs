//! A cluster on one machine: the frameworks' own HTTP interfaces over real, CPU-limited processes or containers.

pub mod chronos;
pub mod executor;
pub mod journal;
pub mod nodes;
