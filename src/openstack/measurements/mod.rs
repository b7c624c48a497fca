//! Which figures follow from a job's events.
