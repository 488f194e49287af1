//! Listener: who played, as an opaque hash. The store's own id goes no further than this file and
//! `listener_hashes.rs`, which makes the same hash for many at once.

use bytemuck::{Pod, Zeroable};

/// Longest message that is hashed in one call, in bytes.
const SHORT_MESSAGE: usize = 128;

/// The key of a warehouse, 32 secret bytes. Whoever has it can find a listener's plays by his id.
#[derive(Clone, Copy)]
pub struct ListenerKey([u8; 32]);

impl ListenerKey {
    /// Takes the bytes of a key file.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of a listener's id as the store writes it. Ids of two stores never meet: the
    /// store's name is hashed with the id.
    #[must_use]
    pub fn hash(&self, store: &str, listener_id: &[u8]) -> Listener {
        let mut listener = [0_u8; 16];
        let mut message = [0_u8; SHORT_MESSAGE];
        let length = store.len() + 1 + listener_id.len();
        let hash = if length <= SHORT_MESSAGE {
            // Nearly all ids: one call, without the state that a longer message needs.
            message[..store.len()].copy_from_slice(store.as_bytes());
            message[store.len() + 1..length].copy_from_slice(listener_id);
            blake3::keyed_hash(&self.0, &message[..length])
        } else {
            let mut hasher = blake3::Hasher::new_keyed(&self.0);
            hasher.update(store.as_bytes()).update(&[0]).update(listener_id);
            hasher.finalize()
        };
        listener.copy_from_slice(&hash.as_bytes()[..16]);
        Listener(listener)
    }

    /// The key as the numbers that the hash begins with.
    pub(super) fn words(&self) -> [u32; 8] {
        let (words, _) = self.0.as_chunks::<4>();
        std::array::from_fn(|place| u32::from_le_bytes(words[place]))
    }

    /// A name for the key that does not give it away: partitions written under another key are
    /// told apart by it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        blake3::Hasher::new_derive_key("streamledger listener key fingerprint v1")
            .update(&self.0)
            .finalize()
            .to_hex()[..16]
            .to_owned()
    }
}

impl std::fmt::Debug for ListenerKey {
    /// Never shows the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ListenerKey(..)")
    }
}

/// A listener: the first 128 bits of the keyed BLAKE3 hash of store and id. Orders as its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Listener(pub [u8; 16]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_depends_on_key_store_and_id() {
        let key = ListenerKey::new([7; 32]);
        let listener = key.hash("spotify", b"abc");
        assert_eq!(listener, key.hash("spotify", b"abc"));
        assert_ne!(listener, key.hash("deezer", b"abc"));
        assert_ne!(listener, key.hash("spotify", b"abd"));
        assert_ne!(listener, ListenerKey::new([8; 32]).hash("spotify", b"abc"));
        assert_ne!(key.hash("ab", b"c"), key.hash("a", b"bc"));
    }

    #[test]
    fn short_and_long_ids_are_hashed_alike() {
        let key = ListenerKey::new([7; 32]);
        for length in [0, 32, SHORT_MESSAGE - 9, SHORT_MESSAGE - 8, SHORT_MESSAGE - 7, 5_000] {
            let id = vec![b'x'; length];
            let message = [b"spotify\0".as_slice(), &id].concat();
            let expected = &blake3::keyed_hash(&[7; 32], &message).as_bytes()[..16].to_vec();
            assert_eq!(&key.hash("spotify", &id).0.to_vec(), expected, "{length}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", ListenerKey::new([7; 32])), "ListenerKey(..)");
        assert_eq!(ListenerKey::new([7; 32]).fingerprint().len(), 16);
    }
}
