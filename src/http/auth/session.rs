//! Sessions of browsers: what the operator token is exchanged for, because an `EventSource` can send no header.
//!
//! A session is 32 random bytes in a cookie. Only digests are kept, in memory and in a file, so that a restart logs nobody out; each is
//! bound to the operator token, so that another token ends them all.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::qos::units::{Span, Timestamp};
use crate::token::StoredToken;

/// The file in the data directory.
pub const SESSIONS_FILE: &str = "sessions.json";

/// How long a session lasts, whatever happens in it.
pub const SESSION_LASTS: Span = Span::from_secs(12 * 60 * 60);

/// Sessions at the same time; one more ends the one that would end first.
const MOST_SESSIONS: usize = 256;

type Digest = [u8; 32];

/// The living sessions.
pub struct Sessions {
    file: PathBuf,
    clock: Arc<dyn Clock>,
    living: Mutex<BTreeMap<Digest, Timestamp>>,
    /// Told whenever one has ended before its time.
    ended: watch::Sender<()>,
}

/// A session, for as long as what it has opened goes on.
pub struct HeldSession {
    sessions: Arc<Sessions>,
    digest: Digest,
    ended: watch::Receiver<()>,
}

impl HeldSession {
    /// Whether it has ended: by a logout, by its time, or because it made room for another.
    pub fn is_over(&self) -> bool {
        self.sessions.living().get(&self.digest).is_none_or(|ends_at| *ends_at <= self.sessions.clock.now())
    }

    /// Waits until some session has ended before its time.
    pub async fn changed(&mut self) {
        if self.ended.changed().await.is_err() {
            // Nobody can end one any more; what it has opened is ended otherwise.
            std::future::pending::<()>().await;
        }
    }
}

impl Sessions {
    /// The sessions in `data_dir`. A file that cannot be read is no reason not to start: everybody logs in again.
    pub fn load(data_dir: &Path, clock: Arc<dyn Clock>) -> Self {
        let file = data_dir.join(SESSIONS_FILE);
        let living = match std::fs::read(&file) {
            Ok(content) => parse(&content).unwrap_or_else(|| {
                tracing::warn!(path = %file.display(), "holds no sessions: everybody has to log in again");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Sessions { file, clock, living: Mutex::new(living), ended: watch::Sender::new(()) }
    }

    /// Begins a session: its secret, in hexadecimal digits, and when it ends.
    pub fn begin(&self, operator: &StoredToken) -> (String, Timestamp) {
        let (secret, now) = (rand::random::<[u8; 32]>(), self.clock.now());
        let ends_at = now + SESSION_LASTS;
        let mut living = self.living();
        living.retain(|_, ends_at| *ends_at > now);
        while living.len() >= MOST_SESSIONS {
            let Some(first) = living.iter().min_by_key(|(_, ends_at)| **ends_at).map(|(digest, _)| *digest) else {
                break;
            };
            living.remove(&first);
            self.ended.send_replace(());
        }
        living.insert(operator.bind(&secret), ends_at);
        self.write(&living);
        (hex::encode(secret), ends_at)
    }

    /// When the session of this secret ends; none when there is no such session, or it is over.
    pub fn ends_at(&self, operator: &StoredToken, secret: &str) -> Option<Timestamp> {
        let ends_at = *self.living().get(&digest(operator, secret)?)?;
        (ends_at > self.clock.now()).then_some(ends_at)
    }

    /// Ends the session of this secret.
    pub fn end(&self, operator: &StoredToken, secret: &str) {
        let Some(digest) = digest(operator, secret) else { return };
        let mut living = self.living();
        if living.remove(&digest).is_some() {
            self.write(&living);
            self.ended.send_replace(());
        }
    }

    /// Holds the session of this secret; none when there is no such session, or it is over.
    pub fn hold(self: &Arc<Self>, operator: &StoredToken, secret: &str) -> Option<HeldSession> {
        let (digest, ended) = (digest(operator, secret)?, self.ended.subscribe());
        let held = HeldSession { sessions: Arc::clone(self), digest, ended };
        (!held.is_over()).then_some(held)
    }

    fn living(&self) -> MutexGuard<'_, BTreeMap<Digest, Timestamp>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A few kilobytes, and only when somebody logs in or out. When it fails the sessions live on in memory.
    fn write(&self, living: &BTreeMap<Digest, Timestamp>) {
        let sessions: BTreeMap<String, i64> =
            living.iter().map(|(digest, ends_at)| (hex::encode(digest), ends_at.micros())).collect();
        let written = || -> std::io::Result<()> {
            let directory = self.file.parent().unwrap_or(Path::new("."));
            let private = std::fs::Permissions::from_mode(0o600);
            let mut file = tempfile::Builder::new().prefix(".sessions").permissions(private).tempfile_in(directory)?;
            file.write_all(&serde_json::to_vec(&sessions)?)?;
            file.persist(&self.file)?;
            Ok(())
        };
        if let Err(error) = written() {
            tracing::warn!(path = %self.file.display(), %error, "sessions cannot be kept: after a restart everybody logs in again");
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.living().len())
    }
}

fn parse(content: &[u8]) -> Option<BTreeMap<Digest, Timestamp>> {
    let sessions: BTreeMap<String, i64> = serde_json::from_slice(content).ok()?;
    sessions
        .into_iter()
        .map(|(digest, ends_at)| Some((hex::decode(digest).ok()?.try_into().ok()?, Timestamp::from_micros(ends_at))))
        .collect()
}

fn digest(operator: &StoredToken, secret: &str) -> Option<Digest> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(secret, &mut bytes).ok()?;
    Some(operator.bind(&bytes))
}

/// The cookie's name: browsers tell supervisors on several ports of one machine apart by nothing else.
pub fn cookie_name(operator: &StoredToken) -> String {
    format!("mesos-qos-{}", hex::encode(&operator.bind(b"the name of the cookie")[..4]))
}

/// The cookie of a session; with an empty secret, the one that removes it. No script can read it, and no other site can have it sent.
pub fn cookie(name: String, secret: String, over_tls: bool) -> Cookie<'static> {
    let age = if secret.is_empty() { 0 } else { SESSION_LASTS.micros() / 1_000_000 };
    Cookie::build(name, secret)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(over_tls)
        .max_age(CookieAge::seconds(age))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn stored(dir: &Path) -> StoredToken {
        StoredToken::load_or_create(dir).unwrap()
    }

    #[test]
    fn a_session_survives_a_restart_and_ends_with_time_logout_or_another_token() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000));
        let operator = stored(dir.path());
        let sessions = Sessions::load(dir.path(), Arc::new(clock.clone()));
        let (secret, ends_at) = sessions.begin(&operator);
        assert_eq!(sessions.ends_at(&operator, &secret), Some(ends_at));
        let mode = std::fs::metadata(dir.path().join(SESSIONS_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = std::fs::read_to_string(dir.path().join(SESSIONS_FILE)).unwrap();
        assert!(!kept.contains(&secret), "the secret itself is nowhere");

        let again = Sessions::load(dir.path(), Arc::new(clock.clone()));
        assert_eq!(again.ends_at(&operator, &secret), Some(ends_at));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(again.ends_at(&stored(elsewhere.path()), &secret), None, "bound to the operator token");
        for wrong in ["", "zz", &secret[2..], &"00".repeat(32)] {
            assert_eq!(again.ends_at(&operator, wrong), None, "{wrong}");
        }
        let (other, _) = again.begin(&operator);
        again.end(&operator, &other);
        assert_eq!(again.ends_at(&operator, &other), None);
        clock.advance(SESSION_LASTS);
        assert_eq!(again.ends_at(&operator, &secret), None, "over");
    }

    #[test]
    fn what_a_session_holds_open_learns_that_it_is_over_by_logout_eviction_or_time() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000));
        let operator = stored(dir.path());
        let sessions = Arc::new(Sessions::load(dir.path(), Arc::new(clock.clone())));
        let (out, evicted) = (sessions.begin(&operator).0, sessions.begin(&operator).0);
        let mut held = sessions.hold(&operator, &out).unwrap();
        assert!(!held.is_over());
        sessions.end(&operator, &out);
        assert!(held.is_over());
        futures_util::future::FutureExt::now_or_never(held.changed()).unwrap();
        assert!(sessions.hold(&operator, &out).is_none());

        let held = sessions.hold(&operator, &evicted).unwrap();
        for _ in 0..MOST_SESSIONS {
            clock.advance(Span::from_secs(1));
            sessions.begin(&operator);
        }
        assert!(held.is_over(), "it made room");

        let (late, _) = sessions.begin(&operator);
        let held = sessions.hold(&operator, &late).unwrap();
        clock.advance(SESSION_LASTS);
        assert!(held.is_over(), "its time is over");
    }

    #[test]
    fn there_are_never_more_sessions_than_the_bound_and_the_newest_stay() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000));
        let operator = stored(dir.path());
        let sessions = Sessions::load(dir.path(), Arc::new(clock.clone()));
        let secrets: Vec<String> = (0..=MOST_SESSIONS)
            .map(|_| {
                clock.advance(Span::from_secs(1));
                sessions.begin(&operator).0
            })
            .collect();
        assert_eq!(sessions.living().len(), MOST_SESSIONS);
        assert_eq!(sessions.ends_at(&operator, &secrets[0]), None);
        assert!(sessions.ends_at(&operator, &secrets[MOST_SESSIONS]).is_some());
    }

    #[test]
    fn a_damaged_file_logs_everybody_out_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SESSIONS_FILE), "{\"ab\": 1}").unwrap();
        let sessions = Sessions::load(dir.path(), Arc::new(crate::clock::SystemClock));
        assert_eq!(sessions.living().len(), 0);
    }
}
