//! Credentials files: JSON objects, one file for each service.

mod file;
mod framework;
mod openstack;

pub use file::{CredentialsError, Loaded};
pub use framework::{FrameworkCredentials, flag_of};
pub use openstack::OpenStackCredentials;
