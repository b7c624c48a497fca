//! Parses the command line and hands over; nothing else lives here.
fn main() {}
