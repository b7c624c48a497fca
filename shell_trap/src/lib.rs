//! The agent that Marathon starts instead of a job: it runs the job in a container with a real CPU limit, writes a
//! checkpoint when it is asked to end, and goes on from it at the next start, on whichever node that is.
//!
//! The program is `shell_trap`; as a library it is for its own tests, and for `mesos-qos`, whose demo is its own agent.

pub mod aside;
pub mod cgroup;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod compat;
pub mod config;
pub mod docker;
pub mod files;
pub mod groups;
pub mod id;
pub mod layer;
pub mod lease;
pub mod life;
pub mod oci;
pub mod process;
pub mod report;
pub mod restore;
pub mod runtime;
pub mod stat;
