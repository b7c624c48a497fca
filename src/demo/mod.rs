//! (module demo)

pub mod calibrate;
pub mod scaling;
