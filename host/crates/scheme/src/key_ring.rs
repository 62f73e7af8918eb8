//! The keys of a source, and the search for the key that a request was signed with.

use std::time::Duration;

use super::rejection::Rejection;
use super::sign::SignError;
use tollgate_base::time::WallTime;

/// The keys of a source, in the order of the source's secrets.
#[derive(Clone, Debug)]
pub(super) struct KeyRing<K>(Vec<Entry<K>>);

/// A key with the time at which it expires.
#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    expires: Option<WallTime>,
}

impl<K> Entry<K> {
    /// How long ago the key expired. `None` if it is in force.
    fn expired(&self, now: WallTime) -> Option<Duration> {
        let expires = self.expires.filter(|expires| *expires <= now)?;
        Some(now.since(expires))
    }
}

impl<K> KeyRing<K> {
    /// A key ring of keys, each with the time at which it expires.
    pub(super) fn new(keys: impl IntoIterator<Item = (K, Option<WallTime>)>) -> Self {
        let entries = keys.into_iter();
        Self(
            entries
                .map(|(key, expires)| Entry { key, expires })
                .collect(),
        )
    }

    /// The index of the first key that `verifies` accepts. `signatures` is the number of
    /// signatures in the request. An expired key is not accepted; if it alone would verify the
    /// request, the rejection says so.
    pub(super) fn matching(
        &self,
        now: WallTime,
        signatures: usize,
        verifies: impl Fn(&K) -> bool,
    ) -> Result<usize, Rejection> {
        let in_force = |entry: &Entry<K>| entry.expired(now).is_none() && verifies(&entry.key);
        if let Some(index) = self.0.iter().position(in_force) {
            return Ok(index);
        }
        for (index, entry) in self.0.iter().enumerate() {
            if let Some(ago) = entry.expired(now)
                && verifies(&entry.key)
            {
                return Err(Rejection::ExpiredSecret { secret: index, ago });
            }
        }
        Err(Rejection::SignatureMismatch {
            signatures,
            secrets: self.0.len(),
        })
    }

    /// The key to sign with.
    pub(super) fn get(&self, index: usize) -> Result<&K, SignError> {
        let entry = self.0.get(index).ok_or(SignError::NoSuchSecret(index))?;
        Ok(&entry.key)
    }

    /// The first key that has not expired.
    pub(super) fn first_unexpired(&self, now: WallTime) -> Option<&K> {
        let mut entries = self.0.iter();
        let entry = entries.find(|entry| entry.expired(now).is_none())?;
        Some(&entry.key)
    }

    /// All keys, expired ones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|entry| &entry.key)
    }

    /// The number of keys, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys, each changed.
    pub(super) fn map<L>(self, change: impl Fn(K) -> L) -> KeyRing<L> {
        let entries = self.0.into_iter();
        KeyRing::new(entries.map(|entry| (change(entry.key), entry.expires)))
    }

    /// The keys, each with a value beside it.
    pub(super) fn zip<T>(self, others: Vec<T>) -> KeyRing<(T, K)> {
        let both = others.into_iter().zip(self.0);
        KeyRing::new(both.map(|(other, entry)| ((other, entry.key), entry.expires)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_until_it_expires() {
        let at = WallTime::from_millis;
        let keys = KeyRing::new([
            ("old", Some(at(1000))),
            ("new", None),
            ("next", Some(at(5000))),
        ]);
        let matching = |now, wanted: &str| keys.matching(at(now), 1, |key| *key == wanted);
        assert_eq!(matching(999, "old"), Ok(0));
        assert_eq!(matching(9999, "new"), Ok(1));
        let expired = |secret, ago| {
            let ago = Duration::from_millis(ago);
            Err(Rejection::ExpiredSecret { secret, ago })
        };
        assert_eq!(matching(1000, "old"), expired(0, 0));
        assert_eq!(matching(8000, "next"), expired(2, 3000));
        let (signatures, secrets) = (1, 3);
        assert_eq!(
            matching(8000, "other"),
            Err(Rejection::SignatureMismatch {
                signatures,
                secrets
            })
        );
        assert_eq!(keys.first_unexpired(at(0)), Some(&"old"));
        assert_eq!(keys.first_unexpired(at(1000)), Some(&"new"));
    }

    #[test]
    fn one_that_counts_wins_over_one_that_has_expired() {
        let at = WallTime::from_millis;
        let keys = KeyRing::new([("same", Some(at(1000))), ("same", None)]);
        assert_eq!(keys.matching(at(2000), 1, |_| true), Ok(1));
    }
}
