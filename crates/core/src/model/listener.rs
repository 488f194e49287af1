//! Listener: who played, as an opaque hash. The store's own id goes no further than this file.
//!
//! The hash is SipHash-2-4 with 128 bits: made for short messages under a secret key, and several
//! times as fast on them as a hash for long ones.

use std::hash::Hasher as _;

use bytemuck::{Pod, Zeroable};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// Longest message that is hashed in one call, in bytes.
const SHORT_MESSAGE: usize = 128;

/// What the key of the hash is derived for.
const HASH_KEY_CONTEXT: &str = "streamledger 2026-11-29 listener hash v2";

/// The key of a warehouse, 32 secret bytes. Whoever has it can find a listener's plays by the
/// store's id.
#[derive(Clone, Copy)]
pub struct ListenerKey {
    bytes: [u8; 32],
    /// The key of the hash, derived from all 32 bytes.
    hasher: SipHasher24,
}

impl ListenerKey {
    /// Takes the bytes of a key file.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::derive_key(HASH_KEY_CONTEXT, &bytes)[..16]);
        Self { bytes, hasher: SipHasher24::new_with_key(&key) }
    }

    /// The hash of a listener's id as the store writes it. Ids of two stores never meet: the
    /// store's name is hashed with the id.
    #[must_use]
    #[inline]
    pub fn hash(&self, store: &str, listener_id: &[u8]) -> Listener {
        let mut message = [0_u8; SHORT_MESSAGE];
        let length = store.len() + 1 + listener_id.len();
        let hash = if length <= SHORT_MESSAGE {
            // Nearly all ids: one call, without the state that pieces of a message need.
            message[..store.len()].copy_from_slice(store.as_bytes());
            message[store.len() + 1..length].copy_from_slice(listener_id);
            self.hasher.hash(&message[..length])
        } else {
            let mut hasher = self.hasher;
            hasher.write(store.as_bytes());
            hasher.write(&[0]);
            hasher.write(listener_id);
            hasher.finish128()
        };
        Listener(hash.as_bytes())
    }

    /// A name for the key that does not give it away: partitions written under another key are
    /// told apart by it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        blake3::Hasher::new_derive_key("streamledger listener key fingerprint v1")
            .update(&self.bytes)
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

/// A listener: the keyed hash of store and id, 128 bits. Orders as its bytes.
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
            let expected = key.hasher.hash(&message).as_bytes();
            assert_eq!(key.hash("spotify", &id).0, expected, "{length}");
        }
    }

    #[test]
    fn a_listener_keeps_the_same_hash_for_good() {
        // Tables of years are joined by it: another value is another schema version.
        let listener = ListenerKey::new([7; 32]).hash("spotify", b"abc");
        assert_eq!(hex::encode(listener.0), "9abc21f9e3e75aab105ce8ebe861569c");
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", ListenerKey::new([7; 32])), "ListenerKey(..)");
        assert_eq!(ListenerKey::new([7; 32]).fingerprint().len(), 16);
    }
}
