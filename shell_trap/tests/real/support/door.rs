//! A door before a Docker daemon that lets everything through, or loses what it is told to lose.

use std::io::{BufRead as _, BufReader, Write as _, copy};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::Node;

/// Listens for as long as the test runs.
pub struct Door {
    pub socket: PathBuf,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    losing: AtomicBool,
    lost: AtomicUsize,
    started: Mutex<Option<Instant>>,
}

impl Door {
    pub fn before(node: &Node) -> Self {
        let (socket, daemon) = (node.directory.join("door"), node.socket());
        let listener = UnixListener::bind(&socket).unwrap();
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, daemon) = (shared.clone(), daemon.clone());
                std::thread::spawn(move || pass(&client, &daemon, &state));
            }
        });
        Door { socket, state }
    }

    /// From here on changes of containers are answered with success, and not made.
    pub fn lose_updates(&self, losing: bool) {
        self.state.losing.store(losing, Ordering::SeqCst);
    }

    /// How many were lost.
    pub fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }

    /// When a container was started last.
    pub fn started(&self) -> Option<Instant> {
        *self.state.started.lock().unwrap()
    }
}

/// One connection, which the agent uses for one call.
fn pass(client: &UnixStream, daemon: &Path, state: &State) -> Option<()> {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
    }
    let line = String::from_utf8_lossy(&head).lines().next()?.to_owned();
    if line.contains("/update ") && state.losing.load(Ordering::SeqCst) {
        state.lost.fetch_add(1, Ordering::SeqCst);
        let body = r#"{"Warnings":null}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        return reader.into_inner().write_all(answer.as_bytes()).ok();
    }
    if line.contains("/start") {
        *state.started.lock().unwrap() = Some(Instant::now());
    }
    let mut server = UnixStream::connect(daemon).ok()?;
    server.write_all(&head).ok()?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = &server;
            let _ = copy(&mut reader, &mut server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let (mut server, mut client) = (&server, client);
        let _ = copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    Some(())
}
