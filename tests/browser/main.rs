//! The page in a real browser: a headless Chromium, driven by clicks and keys, against a real supervisor.
//!
//! What it looked like is left in `target/tmp/browser/*.png`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod chromium;
mod drawing;
mod events;
mod long_running;
mod many;
mod reading;
mod running;
mod session;
mod why;
mod world;

use std::future::Future;

/// Runs a test on a runtime of its own.
fn run(test: impl Future<Output = ()>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Opens the page and logs in with the token, as a person does.
async fn log_in(browser: &mut chromium::Browser, world: &world::World) {
    browser.open(&world.url).await;
    browser.click("#token").await;
    browser.types(&world.token).await;
    browser.press("Enter").await;
    browser.until("document.querySelector('#connection').dataset.kind === 'live'").await;
}
