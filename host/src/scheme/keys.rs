//! The keys that a source's secrets stand for, and which of them a request was signed with.

use super::{Rejection, SignError};

/// A source's keys, in the order of its secrets.
#[derive(Clone, Debug)]
pub(super) struct Keys<K>(Vec<K>);

impl<K> Keys<K> {
    pub(super) fn new(keys: Vec<K>) -> Self {
        Self(keys)
    }

    /// The index of the first key that holds; `signatures` is how many the request has.
    pub(super) fn which(
        &self,
        signatures: usize,
        holds: impl Fn(&K) -> bool,
    ) -> Result<usize, Rejection> {
        let mismatch = Rejection::SignatureMismatch {
            signatures,
            secrets: self.0.len(),
        };
        self.0.iter().position(holds).ok_or(mismatch)
    }

    /// The key to sign with.
    pub(super) fn get(&self, index: usize) -> Result<&K, SignError> {
        self.0.get(index).ok_or(SignError::NoSuchSecret(index))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys, each with what else belongs to it.
    pub(super) fn zip<T>(self, others: Vec<T>) -> Keys<(T, K)> {
        Keys(others.into_iter().zip(self.0).collect())
    }
}
