//! Stopping in the middle: whatever is under way is dropped, and what was started is stopped in order.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::signal::unix::SignalKind;

use crate::shutdown::{CancellationToken, Shutdown};

/// The user wants the demo to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted {
    /// What a shell reports for a process that this signal ended.
    pub exit_code: u8,
}

/// Listens for signals until it is dropped.
#[derive(Debug)]
pub struct Interrupt {
    token: CancellationToken,
    signal: Arc<AtomicUsize>,
    _listener: Shutdown,
}

impl Interrupt {
    /// Begins to listen; must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system takes no handler.
    pub fn listen() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        // Before the listener, so that the number is known when the token says that a signal came.
        for number in [SIGINT, SIGTERM] {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        }
        let listener = Shutdown::listen()?;
        // A terminal that is closed asks in another way.
        let mut hang_up = tokio::signal::unix::signal(SignalKind::hangup())?;
        let (token, number) = (listener.token(), Arc::clone(&signal));
        tokio::spawn(async move {
            if hang_up.recv().await.is_some() {
                number.store(SIGHUP as usize, Ordering::SeqCst);
                token.cancel();
            }
        });
        Ok(Interrupt { token: listener.token(), signal, _listener: listener })
    }

    /// The result of `work`, unless a signal comes first.
    ///
    /// # Errors
    /// When a signal comes first; `work` is dropped then.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(self.reason()),
            result = work => Ok(result),
        }
    }

    fn reason(&self) -> Interrupted {
        let number = self.signal.load(Ordering::SeqCst);
        Interrupted { exit_code: u8::try_from(128 + number).unwrap_or(1) }
    }
}
