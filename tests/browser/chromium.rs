//! A headless Chromium that is driven over its DevTools protocol: real clicks and keys, and everything that it says or asks for is kept.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long anything may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where screenshots are left for people.
const SCREENSHOTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/browser");

/// A browser with one page, ended with its test.
pub struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    next: u64,
    /// Errors and warnings in the console, exceptions, and dialogs.
    pub complaints: Vec<String>,
    /// Addresses that were asked for.
    pub requests: Vec<String>,
    /// Requests that are held back.
    held: Vec<Value>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// Starts one.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let process = Command::new("chromium")
            .args([
                "--headless=new",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-default-browser-check",
            ])
            .args([
                "--remote-debugging-port=0",
                "--window-size=1280,900",
                "--lang=en-GB",
                "--force-device-scale-factor=1",
            ])
            // Tests may run as root, where Chromium has no sandbox. It sees nothing but this machine's own pages.
            .args([
                "--no-sandbox",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromium is needed (apt-get install chromium): {error}"));
        let url = address(profile.path()).await;
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let (session, complaints, requests) = (String::new(), Vec::new(), Vec::new());
        let held = Vec::new();
        let mut browser = Browser { process, _profile: profile, socket, session, next: 0, complaints, requests, held };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attached = json!({"targetId": target["targetId"], "flatten": true});
        browser.session =
            browser.call("Target.attachToTarget", attached).await["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        browser
    }

    /// Calls a method of the protocol.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).await.unwrap();
        let answer = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if message["id"] == id {
                    assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                    return message["result"].take();
                }
                if message["method"] == "Fetch.requestPaused" {
                    self.held.push(message["params"]["requestId"].take());
                    continue;
                }
                note(&message, &mut self.complaints, &mut self.requests);
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("Chromium does not answer {method}"))
    }

    /// Holds back every request for an address like this from now on, before it is sent.
    pub async fn hold(&mut self, pattern: &str) {
        self.call("Fetch.enable", json!({"patterns": [{"urlPattern": pattern}]})).await;
    }

    /// Waits until a request is held back.
    pub async fn holds_one(&mut self) {
        let began = Instant::now();
        while self.held.is_empty() {
            assert!(began.elapsed() < PATIENCE, "nothing was asked for that is held back");
            self.value("1").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends what is held back, and holds nothing back any more.
    pub async fn let_go(&mut self) {
        for request in std::mem::take(&mut self.held) {
            self.call("Fetch.continueRequest", json!({"requestId": request})).await;
        }
        self.call("Fetch.disable", json!({})).await;
    }

    /// Opens an address.
    pub async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
    }

    /// The value of a JavaScript expression in the page.
    pub async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// All text that is to be seen.
    pub async fn text(&mut self) -> String {
        self.value("document.body ? document.body.innerText : ''").await.as_str().unwrap().to_owned()
    }

    /// Waits until a JavaScript expression is true.
    pub async fn until(&mut self, expression: &str) {
        let began = Instant::now();
        // While another page is loaded there may be nothing yet to ask.
        let asked = format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        while self.value(&asked).await != true {
            if began.elapsed() > PATIENCE {
                let shown = self.text().await;
                panic!("waited in vain for {expression}; {:?}; the page shows:\n{shown}", self.complaints);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until this text is to be seen.
    pub async fn sees(&mut self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Clicks with the mouse what a selector finds; it must not be covered by anything else.
    pub async fn click(&mut self, selector: &str) {
        let element = format!("document.querySelector({})", json!(selector));
        self.until(&element).await;
        // A page that is drawn anew may move what is clicked: it is looked for again.
        let place = format!(
            "(() => {{ const e = {element}; if (!e) return null; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2; \
             const top = document.elementFromPoint(x, y); return e.contains(top) ? {{x, y}} : null; }})()"
        );
        // One that is drawn anew between the press and the release loses the click; one that goes to another page has taken it.
        let watch = format!(
            "(window.seen = false, document.addEventListener('click', e => {{ \
             if (e.target.closest({selector})) window.seen = true; }}, {{capture: true, once: true}}), true)",
            selector = json!(selector)
        );
        for _ in 0..20 {
            self.until(&format!("{place} !== null")).await;
            let at = self.value(&place).await;
            if at.is_null() {
                continue;
            }
            self.value(&watch).await;
            for kind in ["mousePressed", "mouseReleased"] {
                let event = json!({"type": kind, "x": at["x"], "y": at["y"], "button": "left", "clickCount": 1});
                self.call("Input.dispatchMouseEvent", event).await;
            }
            if self.value("window.seen !== false").await == true {
                return;
            }
        }
        panic!("{selector} takes no click");
    }

    /// Types into what has the focus.
    pub async fn types(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Presses a key: `Enter`, `Tab` or ` `.
    pub async fn press(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Tab" => ("Tab", 9, ""),
            _ => ("Space", 32, " "),
        };
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        let mut down = json!({"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number});
        if !text.is_empty() {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", down).await;
        let up = json!({"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number});
        self.call("Input.dispatchKeyEvent", up).await;
    }

    /// A window of this size, in the light or in the dark.
    pub async fn window(&mut self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    /// Leaves a picture of the whole page for people, and says where.
    pub async fn screenshot(&mut self, name: &str) -> PathBuf {
        let metrics = self.call("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.call("Page.captureScreenshot", asked).await;
        let bytes = base64::prelude::BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(SCREENSHOTS).unwrap();
        let path = Path::new(SCREENSHOTS).join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Nothing went wrong in the page, and it asked nobody but `url`.
    pub fn is_content(&self, url: &str) {
        assert_eq!(self.complaints, Vec::<String>::new());
        let outside: Vec<_> =
            self.requests.iter().filter(|asked| !asked.starts_with(url) && !asked.starts_with("data:")).collect();
        assert!(outside.is_empty() && !self.requests.is_empty(), "{outside:?}");
    }
}

async fn address(profile: &Path) -> String {
    let began = Instant::now();
    loop {
        // Written when Chromium listens: a port, and a path.
        if let Ok(text) = std::fs::read_to_string(profile.join("DevToolsActivePort"))
            && let Some((port, path)) = text.split_once('\n')
            && !path.is_empty()
        {
            return format!("ws://127.0.0.1:{port}{}", path.trim());
        }
        assert!(began.elapsed() < PATIENCE, "chromium does not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn note(message: &Value, complaints: &mut Vec<String>, requests: &mut Vec<String>) {
    let params = &message["params"];
    match message["method"].as_str().unwrap_or_default() {
        "Network.requestWillBeSent" => {
            requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
        }
        "Runtime.exceptionThrown" => complaints.push(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled"
            if ["error", "warning", "assert"].contains(&params["type"].as_str().unwrap_or_default()) =>
        {
            complaints.push(params["args"].to_string());
        }
        "Log.entryAdded" if params["entry"]["level"] != "verbose" && params["entry"]["level"] != "info" => {
            complaints.push(format!("{} {}", params["entry"]["text"], params["entry"]["url"]));
        }
        "Page.javascriptDialogOpening" => complaints.push(format!("a dialog: {}", params["message"])),
        _ => {}
    }
}
