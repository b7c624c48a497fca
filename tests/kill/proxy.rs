use std::collections::{BTreeMap, VecDeque};
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
    /// The resize of a Marathon job is in the log; the request never leaves.
    BetweenDecisionAndResize,
    /// Marathon has the request; its answer never arrives.
    BetweenResizeAndOutcome,
    /// The end of a Marathon job is in the log; its app is there.
    BeforeDeletion,
    /// Its app is deleted; the answer never arrives.
    AfterDeletion,
}

impl KillPoint {
    /// Where the request has not been carried out.
    fn before(request: &[u8]) -> Option<Self> {
        match Kind::of(request)? {
            Kind::Start => Some(KillPoint::BetweenAttemptAndRequest),
            Kind::Resize => Some(KillPoint::BetweenDecisionAndResize),
            Kind::Deletion => Some(KillPoint::BeforeDeletion),
            Kind::Report => None,
        }
    }

    /// Where it has been, and whoever sent it does not know.
    fn after(request: &[u8]) -> Option<Self> {
        Some(match Kind::of(request)? {
            Kind::Start => KillPoint::BetweenRequestAndOutcome,
            Kind::Resize => KillPoint::BetweenResizeAndOutcome,
            Kind::Deletion => KillPoint::AfterDeletion,
            Kind::Report => KillPoint::BetweenCommitAndAnswer,
        })
    }
}

#[derive(PartialEq)]
enum Kind {
    Start,
    Resize,
    Deletion,
    Report,
}

impl Kind {
    fn of(request: &[u8]) -> Option<Self> {
        let begins = |text: &str| request.starts_with(text.as_bytes());
        let contains = |text: &str| request.windows(text.len()).any(|part| part == text.as_bytes());
        if begins("PATCH /v2/apps") || begins("PUT /v2/apps") {
            Some(Kind::Resize)
        } else if begins("PUT ") {
            Some(Kind::Start)
        } else if begins("DELETE /v2/apps") {
            Some(Kind::Deletion)
        // A sample between two looks may be lost.
        } else if begins("POST /updateTask")
            || begins("POST /initMarathonApp")
            || begins("POST /endMarathonApp")
            || (begins("POST /api/v1/jobs/") && contains("\"kind\":"))
        {
            Some(Kind::Report)
        } else {
            None
        }
    }
}

/// What is to happen at the next chance, and what has happened.
#[derive(Default)]
pub struct Plan {
    supervisor: OnceLock<Arc<Supervisor>>,
    next: Mutex<VecDeque<KillPoint>>,
    done: Notify,
    kills: Mutex<BTreeMap<KillPoint, usize>>,
    /// Bodies of the reports whose senders got a 200; of iterations their ends alone.
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
        self.wait_for_all(&[point]).await;
    }

    /// The same for one after the other.
    pub async fn wait_for_all(&self, points: &[KillPoint]) {
        *self.next.lock().unwrap() = points.iter().copied().collect();
        for _ in points {
            drop(tokio::time::timeout(Duration::from_secs(5), self.done.notified()).await);
        }
        self.next.lock().unwrap().clear();
    }

    fn wanted(&self, point: KillPoint) -> bool {
        let mut next = self.next.lock().unwrap();
        let wanted = next.front() == Some(&point) && self.supervisor.get().is_some();
        if wanted {
            next.pop_front();
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
        if let Some(point) = KillPoint::before(&request).filter(|point| plan.wanted(*point)) {
            plan.kill(point).await;
            return Ok(());
        }
        server.write_all(&request).await?;
        let Some(answer) = message(&mut server).await? else { return Ok(()) };
        if let Some(point) = KillPoint::after(&request).filter(|point| plan.wanted(*point)) {
            plan.kill(point).await;
            return Ok(());
        }
        client.write_all(&answer).await?;
        if Kind::of(&request) == Some(Kind::Report) && answer.starts_with(b"HTTP/1.1 200") {
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
