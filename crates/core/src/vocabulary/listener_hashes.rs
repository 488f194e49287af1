//! Hashes of many listeners: those of [`ListenerKey::hash`], several at once.

use crate::vocabulary::listener::{Listener, ListenerKey};
use crate::vocabulary::short_hashes::{MESSAGE_BYTES_MAX, ShortHashes};

/// Takes ids of listeners of one store and gives each a place among their hashes.
#[derive(Clone)]
pub struct ListenerHashes {
    key: ListenerKey,
    store: &'static str,
    hashes: ShortHashes,
}

impl ListenerHashes {
    /// None yet.
    #[must_use]
    pub fn new(key: ListenerKey, store: &'static str) -> Self {
        let hashes = ShortHashes::keyed(key.words());
        Self { key, store, hashes }
    }

    /// How many were taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether none was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Makes room for so many at once, unless there is room for one more.
    pub fn grow(&mut self, n_more: usize) {
        self.hashes.grow(n_more);
    }

    /// Takes an id as the store writes it; its hash will stand at [`Self::len`] as it was before.
    #[inline]
    pub fn push(&mut self, id: &[u8]) {
        let length = self.store.len() + 1 + id.len();
        if MESSAGE_BYTES_MAX < length {
            self.hashes.push_hash(self.key.hash(self.store, id).0);
            return;
        }
        let mut message = [0; MESSAGE_BYTES_MAX];
        message[..self.store.len()].copy_from_slice(self.store.as_bytes());
        message[self.store.len() + 1..length].copy_from_slice(id);
        self.hashes.push(&message, length);
    }

    /// The hashes, in the order of the ids.
    #[must_use]
    pub fn finish(self) -> Vec<Listener> {
        bytemuck::allocation::cast_vec(self.hashes.finish())
    }
}

impl std::fmt::Debug for ListenerHashes {
    /// Never shows an id.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ListenerHashes({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_at_once_are_hashed_like_one(
            ids in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..70),
        ) {
            let key = ListenerKey::new([7; 32]);
            let mut hashes = ListenerHashes::new(key, "spotify");
            for (n, id) in ids.iter().enumerate() {
                prop_assert_eq!(hashes.len(), n);
                hashes.push(id);
            }
            let expected: Vec<_> = ids.iter().map(|id| key.hash("spotify", id)).collect();
            prop_assert_eq!(hashes.finish(), expected);
        }
    }

    #[test]
    fn a_block_may_be_full_and_no_fuller() {
        let key = ListenerKey::new([8; 32]);
        for length in [0, 1, 55, 56, 57] {
            let id = vec![b'x'; length];
            let mut hashes = ListenerHashes::new(key, "spotify");
            hashes.push(&id);
            assert_eq!(hashes.finish(), [key.hash("spotify", &id)], "{length}");
        }
    }
}
