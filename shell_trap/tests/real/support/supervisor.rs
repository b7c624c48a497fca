//! A small HTTP server that writes down what it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    reply: Value,
    status: u16,
}

/// Answers everything with 200 and the same JSON.
pub struct Supervisor {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Supervisor {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { status: 200, reply: json!({}), ..State::default() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Supervisor { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn reply(&self, status: u16, body: Value) {
        let mut state = self.state.lock().unwrap();
        (state.status, state.reply) = (status, body);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Bodies of CPU samples of one kind. Starts and ends arrive at least once: an agent that is killed before it reads the
    /// answer tells them again.
    pub fn samples(&self, kind: &str) -> Vec<Value> {
        let all = self.requests().into_iter().filter(|r| r.path.ends_with("/cpu-samples"));
        let mut bodies: Vec<Value> = all.map(|r| r.body).filter(|body| body["kind"] == kind).collect();
        if kind != "sample" {
            let mut seen = std::collections::BTreeSet::new();
            bodies.retain(|body| seen.insert((body["execution"].to_string(), body["segment"].to_string())));
        }
        bodies
    }

    /// Bodies of what was posted to a path, the same once.
    pub fn posted(&self, path: &str) -> Vec<Value> {
        let mut seen = std::collections::BTreeSet::new();
        let all = self.requests().into_iter().filter(|r| r.path == path).map(|r| r.body);
        all.filter(|body| seen.insert((body["execution"].to_string(), body["finished_at"].to_string()))).collect()
    }
}

fn answer(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    let (status, reply) = {
        let mut state = state.lock().unwrap();
        if state.status == 200 {
            state.requests.push(Request { path, authorization, body });
        }
        (state.status, state.reply.to_string())
    };
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", reply.len());
    reader.into_inner().write_all(format!("{head}{reply}").as_bytes()).ok()
}
