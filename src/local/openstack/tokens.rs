//! Tokens that were given out.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use crate::qos::units::{Span, Timestamp};

/// Monasca asks Keystone again about a token that it has seen only after this time.
const CACHED: Span = Span::from_secs(300);

/// Tokens that are remembered; beyond, the oldest are forgotten and refused like any that is unknown.
const MOST: usize = 10_000;

/// A token that was given out.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    /// Which account.
    pub account: usize,
    /// Whether it is for the account's project.
    pub scoped: bool,
    pub methods: Vec<&'static str>,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    revoked: bool,
    /// When Monasca last had it validated.
    cached_at: Option<Timestamp>,
    order: u64,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// Never given out.
    Unknown,
    /// Over, or taken back.
    Over,
}

#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: BTreeMap<String, Issued>,
    issued: u64,
}

impl Tokens {
    /// A new token; `until` keeps the end of the one that it was bought with.
    pub fn issue(
        &mut self,
        account: usize,
        scoped: bool,
        methods: Vec<&'static str>,
        now: Timestamp,
        lifetime: Duration,
        until: Option<Timestamp>,
    ) -> (String, Issued) {
        // Rounded up to a second, as Keystone does.
        let issued_at = Timestamp::from_micros(now.micros().saturating_add(999_999) / 1_000_000 * 1_000_000);
        let expires_at = until.unwrap_or(issued_at + Span::from(lifetime));
        self.issued += 1;
        let order = self.issued;
        let issued = Issued { account, scoped, methods, issued_at, expires_at, revoked: false, cached_at: None, order };
        let token: String = (0..5).map(|_| Uuid::new_v4().simple().to_string()).collect();
        let token = format!("gAAAAAB{token}");
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, issued)| issued.order).map(|(token, _)| token.clone());
            oldest.map(|oldest| self.known.remove(&oldest));
        }
        self.known.insert(token.clone(), issued.clone());
        (token, issued)
    }

    /// A token as Keystone sees it.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<&Issued, Bad> {
        let issued = self.known.get(token).ok_or(Bad::Unknown)?;
        if issued.revoked || now >= issued.expires_at { Err(Bad::Over) } else { Ok(issued) }
    }

    /// A token as Monasca sees it: for a while it does not hear of one that was taken back; the end of its time it knows.
    pub fn check_cached(&mut self, token: &str, now: Timestamp) -> Option<&Issued> {
        let good = self.check(token, now).is_ok();
        let issued = self.known.get_mut(token)?;
        if good {
            if issued.cached_at.is_none_or(|at| now.since(at) >= CACHED) {
                issued.cached_at = Some(now);
            }
            return Some(issued);
        }
        let still =
            issued.revoked && now < issued.expires_at && issued.cached_at.is_some_and(|at| now.since(at) < CACHED);
        still.then_some(issued)
    }

    pub fn revoke(&mut self, token: &str) {
        if let Some(issued) = self.known.get_mut(token) {
            issued.revoked = true;
        }
    }
}
