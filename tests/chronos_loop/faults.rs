use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

/// Connections are kept for so long by those who ask, and longer by those who answer: none is closed under a request.
const IDLE: Duration = Duration::from_secs(15);

/// A Chronos that answers these requests with an error, and does what it is asked otherwise.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// Method and path of every request.
    seen: Vec<(String, String)>,
    held: Vec<Held>,
}

struct Rule {
    method: &'static str,
    part: &'static str,
    /// What is answered.
    status: u16,
    carried_out: CarriedOut,
    left: usize,
    /// It holds from the first request of this method and part on.
    after: Option<(&'static str, &'static str)>,
}

impl Rule {
    fn of(method: &'static str, part: &'static str, status: u16, carried_out: CarriedOut, left: usize) -> Self {
        Rule { method, part, status, carried_out, left, after: None }
    }
}

/// Whether a request is carried out although it was answered with an error.
#[derive(Clone, Copy, PartialEq)]
enum CarriedOut {
    Never,
    AtOnce,
    WhenReleased,
}

/// A request that Chronos will carry out late.
struct Held(reqwest::RequestBuilder);

struct Proxy {
    faults: Faults,
    upstream: String,
    client: reqwest::Client,
}

impl Faults {
    /// The next `times` requests of this method with `part` in their path are answered with `status` and not carried out.
    pub fn answer(&self, method: &'static str, part: &'static str, status: u16, times: usize) {
        self.0.lock().unwrap().rules.push(Rule::of(method, part, status, CarriedOut::Never, times));
    }

    /// The same, from the first request on of another `method` with another `part` in its path.
    #[allow(dead_code, reason = "a part of the tests that share it use it")]
    pub fn answer_after(
        &self,
        after: (&'static str, &'static str),
        method: &'static str,
        part: &'static str,
        status: u16,
    ) {
        let rule = Rule::of(method, part, status, CarriedOut::Never, usize::MAX);
        self.0.lock().unwrap().rules.push(Rule { after: Some(after), ..rule });
    }

    /// The next `times` requests are carried out, and answered with 504 all the same.
    pub fn lose_answer(&self, method: &'static str, part: &'static str, times: usize) {
        self.0.lock().unwrap().rules.push(Rule::of(method, part, 504, CarriedOut::AtOnce, times));
    }

    /// The next `times` requests are answered with 504, and carried out when they are released.
    pub fn hold(&self, method: &'static str, part: &'static str, times: usize) {
        self.0.lock().unwrap().rules.push(Rule::of(method, part, 504, CarriedOut::WhenReleased, times));
    }

    /// Carries out what was held; how many requests that were.
    pub async fn release(&self) -> usize {
        let held = std::mem::take(&mut self.0.lock().unwrap().held);
        let count = held.len();
        for Held(request) in held {
            assert!(request.send().await.unwrap().status().is_success());
        }
        count
    }

    /// All is well again.
    pub fn heal(&self) {
        self.0.lock().unwrap().rules.clear();
    }

    /// How many requests of this method had `part` in their path.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.0.lock().unwrap().seen.iter().filter(|(m, path)| m == method && path.contains(part)).count()
    }

    /// Waits until there were `times` requests of this method with `part` in their path.
    pub async fn wait_for(&self, method: &str, part: &str, times: usize) {
        for _ in 0..1200 {
            if self.count(method, part) >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{method} {part} was asked for {} times only", self.count(method, part));
    }

    /// Starts to listen; returns the URL.
    pub fn in_front_of(&self, upstream: &str) -> String {
        let proxy = Data::new(Proxy {
            faults: self.clone(),
            upstream: upstream.to_owned(),
            client: reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE).build().unwrap(),
        });
        let server = HttpServer::new(move || App::new().app_data(proxy.clone()).default_service(web::to(pass)))
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

    /// The status to answer with, and whether to carry the request out.
    fn decide(&self, method: &str, path: &str) -> Option<(u16, CarriedOut)> {
        let mut state = self.0.lock().unwrap();
        state.seen.push((method.to_owned(), path.to_owned()));
        let State { rules, seen, .. } = &mut *state;
        let began = |rule: &Rule| {
            rule.after.is_none_or(|(method, part)| seen.iter().any(|(m, path)| m == method && path.contains(part)))
        };
        let fits = |rule: &Rule| rule.left > 0 && rule.method == method && path.contains(rule.part) && began(rule);
        let rule = rules.iter_mut().find(|rule| fits(rule))?;
        rule.left -= 1;
        Some((rule.status, rule.carried_out))
    }
}

async fn pass(request: HttpRequest, body: Bytes, proxy: Data<Proxy>) -> HttpResponse {
    let fault = proxy.faults.decide(request.method().as_str(), request.path());
    let answer = |status: u16| HttpResponse::build(status.try_into().unwrap());
    if let Some((status, CarriedOut::Never)) = fault {
        return answer(status).finish();
    }
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut forwarded =
        proxy.client.request(method, format!("{}{}", proxy.upstream, request.uri())).body(body.to_vec());
    for name in ["authorization", "content-type"] {
        if let Some(value) = request.headers().get(name) {
            forwarded = forwarded.header(name, value.as_bytes());
        }
    }
    if let Some((status, CarriedOut::WhenReleased)) = fault {
        proxy.faults.0.lock().unwrap().held.push(Held(forwarded));
        return answer(status).finish();
    }
    let Ok(response) = forwarded.send().await else { return answer(502).finish() };
    let status = fault.map_or(response.status().as_u16(), |(status, _)| status);
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let mut reply = answer(status);
    if let Some(kind) = kind {
        reply.content_type(kind);
    }
    reply.body(response.bytes().await.unwrap_or_default())
}
