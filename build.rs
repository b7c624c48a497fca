//! Tells cargo what the compiler cannot see.

fn main() {
    // `embed_migrations!` names each file that it finds to the compiler; a file that is new is noticed through its directory.
    println!("cargo:rerun-if-changed=migrations");
}
