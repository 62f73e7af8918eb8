//! The keys that a source's secrets stand for, and which of them a request was signed with.

use std::time::Duration;

use super::rejection::Rejection;
use super::sign::SignError;
use tollgate_base::time::WallTime;

/// A source's keys, in the order of its secrets.
#[derive(Clone, Debug)]
pub(super) struct Keys<K>(Vec<Entry<K>>);

/// A key, and when it ends to count.
#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    expires: Option<WallTime>,
}

impl<K> Entry<K> {
    /// For how long it has not counted any more.
    fn expired(&self, now: WallTime) -> Option<Duration> {
        let expires = self.expires.filter(|expires| *expires <= now)?;
        Some(now.since(expires))
    }
}

impl<K> Keys<K> {
    /// Keys, each with the time from which it counts no more.
    pub(super) fn new(keys: impl IntoIterator<Item = (K, Option<WallTime>)>) -> Self {
        let entries = keys.into_iter();
        Self(
            entries
                .map(|(key, expires)| Entry { key, expires })
                .collect(),
        )
    }

    /// The index of the first key that holds; `signatures` is how many the request has. Keys
    /// that have expired do not count, but one that would have held is the reason to refuse.
    pub(super) fn which(
        &self,
        now: WallTime,
        signatures: usize,
        holds: impl Fn(&K) -> bool,
    ) -> Result<usize, Rejection> {
        let in_force = |entry: &Entry<K>| entry.expired(now).is_none() && holds(&entry.key);
        if let Some(index) = self.0.iter().position(in_force) {
            return Ok(index);
        }
        for (index, entry) in self.0.iter().enumerate() {
            if let Some(ago) = entry.expired(now)
                && holds(&entry.key)
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

    /// The first key that counts.
    pub(super) fn first_in_force(&self, now: WallTime) -> Option<&K> {
        let mut entries = self.0.iter();
        let entry = entries.find(|entry| entry.expired(now).is_none())?;
        Some(&entry.key)
    }

    /// All keys, those that have expired too.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|entry| &entry.key)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys, each with what else belongs to it.
    pub(super) fn zip<T>(self, others: Vec<T>) -> Keys<(T, K)> {
        let both = others.into_iter().zip(self.0);
        Keys::new(both.map(|(other, entry)| ((other, entry.key), entry.expires)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_until_it_expires() {
        let at = WallTime::from_millis;
        let keys = Keys::new([
            ("old", Some(at(1000))),
            ("new", None),
            ("next", Some(at(5000))),
        ]);
        let which = |now, wanted: &str| keys.which(at(now), 1, |key| *key == wanted);
        assert_eq!(which(999, "old"), Ok(0));
        assert_eq!(which(9999, "new"), Ok(1));
        let expired = |secret, ago| {
            let ago = Duration::from_millis(ago);
            Err(Rejection::ExpiredSecret { secret, ago })
        };
        assert_eq!(which(1000, "old"), expired(0, 0));
        assert_eq!(which(8000, "next"), expired(2, 3000));
        let (signatures, secrets) = (1, 3);
        assert_eq!(
            which(8000, "other"),
            Err(Rejection::SignatureMismatch {
                signatures,
                secrets
            })
        );
        assert_eq!(keys.first_in_force(at(0)), Some(&"old"));
        assert_eq!(keys.first_in_force(at(1000)), Some(&"new"));
    }

    #[test]
    fn one_that_counts_wins_over_one_that_has_expired() {
        let at = WallTime::from_millis;
        let keys = Keys::new([("same", Some(at(1000))), ("same", None)]);
        assert_eq!(keys.which(at(2000), 1, |_| true), Ok(1));
    }
}
