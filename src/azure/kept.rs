//! What all calls of a kind share, kept by its key for as long as somebody uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

/// Things that are kept per key and dropped when nobody has asked for them for hours.
pub(super) struct Kept<K, V> {
    entries: BTreeMap<K, (SignedDuration, Arc<V>)>,
}

impl<K: Ord, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }
}

impl<K: Ord, V> Kept<K, V> {
    /// The entry of a key, made if there is none.
    pub fn get_or_make<E>(
        &mut self,
        key: K,
        now: SignedDuration,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        /// Longer than any interval between two passes of a run that is alive.
        const KEPT: SignedDuration = SignedDuration::from_hours(6);

        self.entries.retain(|_, (asked, value)| {
            now.saturating_sub(*asked) < KEPT || Arc::strong_count(value) > 1
        });
        if let Some((asked, value)) = self.entries.get_mut(&key) {
            *asked = now;
            return Ok(value.clone());
        }
        let value = Arc::new(make()?);
        self.entries.insert(key, (now, value.clone()));
        Ok(value)
    }
}
