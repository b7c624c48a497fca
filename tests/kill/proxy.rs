use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::process::Supervisor;

/// Where the supervisor is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillPoint {
    AnyInstant,
    /// The attempt is in the log; the request never leaves.
    BetweenAttemptAndRequest,
    /// Chronos has the request; its answer never arrives.
    BetweenRequestAndOutcome,
    /// The report is in the log; its sender never learns that.
    BetweenCommitAndAnswer,
}

/// What is to happen at the next chance, and what has happened.
#[derive(Default)]
pub struct Plan {
    supervisor: OnceLock<Arc<Supervisor>>,
    next: Mutex<Option<KillPoint>>,
    done: Notify,
    kills: Mutex<BTreeMap<KillPoint, usize>>,
    /// Bodies of the end reports whose senders got a 200.
    acknowledged: Mutex<Vec<serde_json::Value>>,
}

impl Plan {
    pub fn arm(&self, supervisor: Arc<Supervisor>) {
        assert!(self.supervisor.set(supervisor).is_ok());
    }

    pub fn note(&self, point: KillPoint) {
        *self.kills.lock().unwrap().entry(point).or_default() += 1;
    }

    pub fn kills(&self) -> BTreeMap<KillPoint, usize> {
        self.kills.lock().unwrap().clone()
    }

    pub fn acknowledged(&self) -> Vec<serde_json::Value> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Kills at the next chance of this kind; goes on without when there is none for a while.
    pub async fn wait_for(&self, point: KillPoint) {
        *self.next.lock().unwrap() = Some(point);
        drop(tokio::time::timeout(Duration::from_secs(5), self.done.notified()).await);
        *self.next.lock().unwrap() = None;
    }

    fn wanted(&self, point: KillPoint) -> bool {
        let mut next = self.next.lock().unwrap();
        let wanted = *next == Some(point) && self.supervisor.get().is_some();
        if wanted {
            *next = None;
        }
        wanted
    }

    async fn kill(&self, point: KillPoint) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.kill_and_restart().await;
            self.note(point);
            self.done.notify_one();
        }
    }
}

/// Passes requests on, one at a time per connection.
pub struct Proxy {
    pub address: SocketAddr,
}

impl Proxy {
    pub async fn start(upstream: SocketAddr, plan: Arc<Plan>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&plan);
                tokio::spawn(async move { drop(pass(client, upstream, &plan).await) });
            }
        });
        Proxy { address }
    }
}

/// Ends the connection when either side does, or when the supervisor is killed.
async fn pass(mut client: TcpStream, upstream: SocketAddr, plan: &Plan) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    loop {
        let Some(request) = message(&mut client).await? else { return Ok(()) };
        let is_start = request.starts_with(b"PUT ");
        let is_report = request.starts_with(b"POST /updateTask");
        if is_start && plan.wanted(KillPoint::BetweenAttemptAndRequest) {
            plan.kill(KillPoint::BetweenAttemptAndRequest).await;
            return Ok(());
        }
        server.write_all(&request).await?;
        let Some(answer) = message(&mut server).await? else { return Ok(()) };
        let point = if is_start { KillPoint::BetweenRequestAndOutcome } else { KillPoint::BetweenCommitAndAnswer };
        if (is_start || is_report) && plan.wanted(point) {
            plan.kill(point).await;
            return Ok(());
        }
        client.write_all(&answer).await?;
        if is_report && answer.starts_with(b"HTTP/1.1 200") {
            let body = request.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
            let report = serde_json::from_slice(&request[body..]).unwrap();
            plan.acknowledged.lock().unwrap().push(report);
        }
    }
}

/// One whole HTTP message with a Content-Length; `None` when the connection ends first.
async fn message(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(head) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = |rest: &str| rest.lines().next().unwrap().trim().parse().unwrap();
            let length: usize = text.split("\r\ncontent-length:").nth(1).map_or(0, length);
            if text.contains("transfer-encoding: chunked") {
                if bytes.ends_with(b"0\r\n\r\n") {
                    return Ok(Some(bytes));
                }
            } else if bytes.len() >= head + 4 + length {
                return Ok(Some(bytes));
            }
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
