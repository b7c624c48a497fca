//! The Marathon of the embedded cluster.
//!
//! | file | what it holds |
//! |---|---|
//! | `version`, `id` | whose behaviour is served, and the names of apps |
//! | `app`, `container` | an app in one form for all versions |
//! | `fields`, `update`, `decode_container`, `networks` | what is posted: read, and put upon what was there |
//! | `rules` | what an app must meet |
//! | `encode` | an app as each version writes it |
//! | `plan`, `backoff`, `constraint` | steps of a deployment, delays of launches, which nodes fit |
//! | [`core`] | the scheduler as a state machine |
//! | `http` | its HTTP interface |

pub mod app;
pub mod backoff;
pub mod constraint;
pub mod container;
pub mod core;
mod decode_container;
mod encode;
pub mod fields;
pub(in crate::local) mod http;
pub mod id;
mod networks;
pub mod plan;
mod rules;
pub mod update;
pub mod version;
