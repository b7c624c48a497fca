//! A map as a list of pairs: the keys of a JSON object are texts, and those of [`JobState::runs`](super::JobState::runs) are not.

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the pairs in the order of their keys.
pub fn serialize<S: Serializer, K: Serialize + Ord, V: Serialize>(
    map: &RedBlackTreeMapSync<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.iter())
}

/// Reads them again.
pub fn deserialize<'de, D: Deserializer<'de>, K: Deserialize<'de> + Ord, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<RedBlackTreeMapSync<K, V>, D::Error> {
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}
