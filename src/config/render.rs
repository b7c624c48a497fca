//! How settings are printed: in the units of the file, and without what must stay secret.

use reqwest::Url;
use serde::{Serialize, Serializer};

use crate::qos::units::{Cpus, Span};

/// A span as a number of seconds.
pub fn seconds<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.seconds())
}

/// An amount of CPU as the frameworks write it.
pub fn cpus<S: Serializer>(cpus: &Cpus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(cpus.as_f64())
}

/// As [`cpus`], where there may be none.
pub fn optional_cpus<S: Serializer>(cpus: &Option<Cpus>, serializer: S) -> Result<S::Ok, S::Error> {
    cpus.map(Cpus::as_f64).serialize(serializer)
}

/// Names, as they are written.
pub fn names<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&names.join(", "))
}

/// A URL without the user and password that it may carry.
pub fn url<S: Serializer>(url: &Option<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(without_user_info).serialize(serializer)
}

fn without_user_info(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot hold a user at all.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}
