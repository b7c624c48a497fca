//! Keystone and Monasca, as far as metrics and their alarms go: the interfaces of Keystone 30 and monasca-api 11 over what is in memory.
//!
//! | module | what it does |
//! |---|---|
//! | `accounts`, `tokens` | who may come in, and for how long |
//! | `keystone` | `/v3/auth/tokens` |
//! | `monasca` | the paths below `/v2.0`, and who may use which |
//! | `validity`, `intake` | which metrics are taken |
//! | `series`, `query`, `statistics` | what is kept of them, and what can be asked |
//! | `alarms`, `expression`, `notifications` | alarm definitions and notification methods; nothing evaluates them |
//!
//! What is sent is there at once; a real Monasca takes half a minute. Nothing outlives the process.

#![expect(clippy::result_large_err, reason = "a refusal is a whole answer, made once a request")]

mod accounts;
mod alarms;
mod expression;
mod intake;
mod keystone;
mod monasca;
mod notifications;
mod query;
mod reply;
mod series;
mod statistics;
mod tokens;
mod validity;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use accounts::{Account, Role};

use super::local_http::LocalHttp;
use crate::clock::Clock;
use crate::openstack::Metric;
use crate::qos::units::Timestamp;
use alarms::Alarms;
use notifications::Notifications;
use series::{Key, Store};
use tokens::Tokens;

/// What both services share.
pub(super) struct OpenStack {
    accounts: Vec<Account>,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: Tokens,
    store: Store,
    alarms: Alarms,
    notifications: Notifications,
}

impl OpenStack {
    pub fn new(accounts: Vec<Account>, lifetime: Duration, clock: Arc<dyn Clock>) -> Self {
        OpenStack { accounts, lifetime, clock, state: Mutex::default() }
    }

    /// Keeps `values` (name and value), as if an agent of the first account's project had sent them now.
    ///
    /// # Errors
    /// What Monasca would have refused.
    pub fn publish(&self, dimensions: &BTreeMap<String, String>, values: &[(&str, f64)]) -> Result<(), String> {
        let Some(account) = self.accounts.first() else { return Err("there is no project".into()) };
        for (key, value) in dimensions {
            validity::dimension_key(key)?;
            validity::dimension_value(value)?;
        }
        let (tenant, at) = (account.project_id(), self.now().micros().div_euclid(1000));
        let mut state = self.lock();
        for (name, value) in values {
            validity::name(name)?;
            let (name, dimensions) = ((*name).to_owned(), dimensions.clone());
            state.store.put(Key { tenant: tenant.clone(), name, dimensions }, at, *value);
        }
        Ok(())
    }

    /// All values that are kept.
    pub fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        let all = state.store.all().flat_map(|(key, values)| {
            values.iter().map(|(timestamp, value)| Metric {
                name: key.name.clone(),
                dimensions: key.dimensions.clone(),
                timestamp: *timestamp,
                value: *value,
            })
        });
        all.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Keystone on its port.
pub(super) fn keystone(shared: Arc<OpenStack>) -> LocalHttp {
    LocalHttp::new(move |request, body| keystone::answer(&shared, request, body))
}

/// Monasca on its port; `keystone` is the address that its refusals name.
pub(super) fn monasca(shared: Arc<OpenStack>, keystone: String) -> LocalHttp {
    LocalHttp::new(move |request, body| monasca::answer(&shared, &keystone, request, body))
}
