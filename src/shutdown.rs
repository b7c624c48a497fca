//! Stopping in order: the first TERM or INT asks everything to end, the second ends the process.

use std::io;

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::{Handle, Signals};
pub use tokio_util::sync::CancellationToken;

/// Listens for signals until it is dropped.
#[derive(Debug)]
pub struct Shutdown {
    token: CancellationToken,
    handle: Handle,
}

impl Shutdown {
    /// Begins to listen; must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system takes no handler.
    pub fn listen() -> io::Result<Self> {
        let signals = Signals::new([SIGTERM, SIGINT])?;
        let (token, handle) = (CancellationToken::new(), signals.handle());
        tokio::spawn(follow(signals, token.clone()));
        Ok(Shutdown { token, handle })
    }

    /// Cancelled by the first signal. Clones may also cancel it themselves, to stop for another reason.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        self.handle.close();
    }
}

async fn follow(mut signals: Signals, token: CancellationToken) {
    let mut asked = false;
    while let Some(signal) = signals.next().await {
        if asked {
            tracing::warn!("second signal: ending at once");
            std::process::exit(exit_code(signal));
        }
        asked = true;
        tracing::info!("{}: stopping in order; a second signal ends at once", name(signal));
        token.cancel();
    }
}

/// What a shell reports for a process that a signal ended: 130 for INT, 143 for TERM.
const fn exit_code(signal: i32) -> i32 {
    128 + signal
}

const fn name(signal: i32) -> &'static str {
    if signal == SIGINT { "SIGINT" } else { "SIGTERM" }
}
