//! Stand-ins for tests.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::clock::SharedClock;
use crate::restore::facts::Now;
use crate::restore::ports::Clock;

/// A clock that stands still until it is moved; a sleep moves it.
#[derive(Clone)]
pub(super) struct FakeClock {
    now: Arc<Mutex<Now>>,
}

impl Default for FakeClock {
    fn default() -> Self {
        let wall: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        Self {
            now: Arc::new(Mutex::new(Now {
                wall,
                boot: SignedDuration::from_hours(100),
            })),
        }
    }
}

impl FakeClock {
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }

    pub fn advance(&self, duration: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        now.wall = now.wall.saturating_add(duration).unwrap();
        now.boot = now.boot.saturating_add(duration);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.advance(duration);
        tokio::task::yield_now().await;
    }

    fn real(&self, duration: SignedDuration) -> std::time::Duration {
        std::time::Duration::try_from(duration).unwrap_or_default()
    }
}
