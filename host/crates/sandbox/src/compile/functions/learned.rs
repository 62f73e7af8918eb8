//! What a child tells of the functions that it used and compiled.

use super::key::Key;

/// The functions of one compilation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// The kept functions that were used.
    pub(super) used: Vec<Key>,
    /// The functions that were compiled, with their code.
    pub(super) new: Vec<(Key, Vec<u8>)>,
}

impl Learned {
    /// How many kept functions were used, and how many are new.
    #[cfg(test)]
    pub(in crate::compile) fn used_and_new(&self) -> (usize, usize) {
        (self.used.len(), self.new.len())
    }

    /// The form in which the child writes this.
    pub(in crate::compile) fn to_bytes(&self) -> Vec<u8> {
        let code: usize = self.new.iter().map(|(_, code)| code.len() + 36).sum();
        let mut bytes = Vec::with_capacity(4 + self.used.len() * 32 + code);
        bytes.extend_from_slice(&(self.used.len() as u32).to_le_bytes());
        self.used
            .iter()
            .for_each(|key| bytes.extend_from_slice(key));
        for (key, code) in &self.new {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&(code.len() as u32).to_le_bytes());
            bytes.extend_from_slice(code);
        }
        bytes
    }

    /// Reads that form; `None` if the bytes have another.
    pub(in crate::compile) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut take = |length: usize| bytes.split_off(..length);
        let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize);
        let used = number(take(4)?)?;
        let used = take(used.checked_mul(32)?)?;
        let used = used.chunks_exact(32).map(to_key).collect();
        let mut new = Vec::new();
        while let Some(key) = take(32) {
            let length = number(take(4)?)?;
            new.push((to_key(key), take(length)?.to_vec()));
        }
        bytes.is_empty().then_some(Self { used, new })
    }
}

fn to_key(bytes: &[u8]) -> Key {
    bytes.try_into().expect("32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            used in prop::collection::vec(any::<[u8; 32]>(), 0..4),
            new in prop::collection::vec(
                (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..50)), 0..4),
        ) {
            let learned = Learned { used, new };
            let bytes = learned.to_bytes();
            prop_assert_eq!(Learned::from_bytes(&bytes), Some(learned));
            if let Some(shorter) = bytes.len().checked_sub(1) {
                // A part is read as nothing, or as less.
                _ = Learned::from_bytes(&bytes[..shorter]);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = Learned::from_bytes(&bytes);
        }
    }
}
