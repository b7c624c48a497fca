//! What stands before a service: it counts, refuses, keeps silent or lets pass.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

/// Connections are kept for so long by those who ask, and longer by those who answer: none is closed under a request.
const IDLE: Duration = Duration::from_secs(15);

/// What becomes of a request.
#[derive(Clone, PartialEq)]
pub enum Fate {
    /// The service answers.
    Pass,
    /// This status and body are answered.
    Answer(u16, &'static str),
    /// This is answered although the service has done what it was asked.
    Swallow(u16),
    /// Success is answered and the service never hears of it: what a queue does that is lost later.
    Forget,
    /// Nothing is answered.
    Silence,
}

/// A request that came.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    /// `X-Auth-Token`, or nothing.
    pub token: String,
    pub body: Vec<u8>,
    /// What was answered; 0 when nothing was yet.
    pub status: u16,
}

type Rule = dyn Fn(&Seen) -> Fate + Send + Sync;

#[derive(Clone)]
pub struct Gate(Arc<Mutex<State>>);

struct State {
    rule: Arc<Rule>,
    seen: Vec<Seen>,
}

struct Proxy {
    gate: Gate,
    upstream: String,
    client: reqwest::Client,
}

impl Gate {
    /// Lets everything pass, until it is told otherwise.
    pub fn open() -> Gate {
        Gate(Arc::new(Mutex::new(State { rule: Arc::new(|_| Fate::Pass), seen: vec![] })))
    }

    pub fn set(&self, rule: impl Fn(&Seen) -> Fate + Send + Sync + 'static) {
        self.0.lock().unwrap().rule = Arc::new(rule);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    /// How many requests of this method had `part` in their path.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.0.lock().unwrap().seen.iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }

    /// Starts to listen; returns the URL.
    pub fn in_front_of(&self, upstream: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.pool_idle_timeout(IDLE).build().unwrap();
        let proxy = Data::new(Proxy { gate: self.clone(), upstream: upstream.to_owned(), client });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(proxy.clone())
                .app_data(web::PayloadConfig::new(64 << 20))
                .default_service(web::to(pass))
        })
        .workers(1)
        .keep_alive(2 * IDLE)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        actix_rt::spawn(server.run());
        format!("http://{address}")
    }
}

async fn pass(request: HttpRequest, body: Bytes, proxy: Data<Proxy>) -> HttpResponse {
    let seen = Seen {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        token: header(&request, "x-auth-token"),
        body: body.to_vec(),
        status: 0,
    };
    let rule = {
        let state = proxy.gate.0.lock().unwrap();
        state.rule.clone()
    };
    let fate = rule(&seen);
    let at = {
        let mut state = proxy.gate.0.lock().unwrap();
        state.seen.push(seen);
        state.seen.len() - 1
    };
    let response = answer(&request, body, &proxy, fate).await;
    proxy.gate.0.lock().unwrap().seen[at].status = response.status().as_u16();
    response
}

fn header(request: &HttpRequest, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

async fn answer(request: &HttpRequest, body: Bytes, proxy: &Proxy, fate: Fate) -> HttpResponse {
    let with = |status: u16| HttpResponse::build(status.try_into().unwrap());
    match fate {
        Fate::Answer(status, body) => return with(status).content_type("application/json").body(body),
        Fate::Forget => return with(204).finish(),
        Fate::Silence => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return with(504).finish();
        }
        Fate::Pass | Fate::Swallow(_) => {}
    }
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut forwarded =
        proxy.client.request(method, format!("{}{}", proxy.upstream, request.uri())).body(body.to_vec());
    for name in ["x-auth-token", "x-subject-token", "content-type"] {
        if let Some(value) = request.headers().get(name) {
            forwarded = forwarded.header(name, value.as_bytes());
        }
    }
    let Ok(response) = forwarded.send().await else { return with(502).finish() };
    if let Fate::Swallow(status) = fate {
        return with(status).finish();
    }
    let mut reply = with(response.status().as_u16());
    for name in ["content-type", "x-subject-token", "www-authenticate", "location"] {
        if let Some(value) = response.headers().get(name) {
            reply.insert_header((name, value.as_bytes()));
        }
    }
    reply.body(response.bytes().await.unwrap_or_default())
}
