//! The program that goes to the nodes needs nothing of them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

fn build() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/build-static")).arg("--debug").output().unwrap();
    assert!(output.status.success(), "build-static: {}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(root).join(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
fn the_program_for_nodes_is_static_and_looks_up_names_by_itself() {
    let program = build();
    let ldd = Command::new("ldd").arg(&program).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ldd.stdout), String::from_utf8_lossy(&ldd.stderr));
    assert!(said.contains("statically linked") || said.contains("not a dynamic executable"), "ldd: {said}");
    let version = Command::new(&program).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&version.stdout), format!("shell_trap {}\n", env!("CARGO_PKG_VERSION")));

    // A job from its start to its end, the supervisor addressed by a name.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let supervisor = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"}") {
                let n = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..n]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            let text = String::from_utf8_lossy(&request).into_owned();
            if text.starts_with("POST /endMarathonApp") {
                return text;
            }
        }
        String::new()
    });
    let output = Command::new(&program)
        .env("SHELL_TRAP_UUID", uuid::Uuid::new_v4().to_string())
        .env("SHELL_TRAP_SPEC", r#"{"version":1,"shell":"echo done; exit 5"}"#)
        .env("SHELL_TRAP_SUPERVISOR", format!("http://localhost:{port}"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"done\n");
    assert!(supervisor.join().unwrap().contains("\"exit_code\":5"));
}
