//! Settings that are one of a few words.

/// A setting that is one of a few words.
pub trait Choice: Copy + 'static {
    /// Every word with its meaning.
    const ALL: &'static [(&'static str, Self)];

    /// The value of `word`.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
    }

    /// The word that was probably meant.
    fn nearest(word: &str) -> Option<&'static str> {
        let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&word.trim().to_lowercase(), known);
        let words = Self::ALL.iter().map(|(name, _)| (likeness(name), *name));
        words.filter(|(likeness, _)| *likeness >= 0.5).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    }

    /// What would be right, for messages.
    fn expected() -> String {
        let words: Vec<String> = Self::ALL.iter().map(|(name, _)| format!("{name:?}")).collect();
        match words.as_slice() {
            [one] => format!("expected {one}, the only one there is"),
            several => format!("expected one of {}", several.join(", ")),
        }
    }
}

/// Declares an enumeration and the words that stand for its variants.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl $crate::config::choice::Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($word, $name::$variant)),+];
        }

        impl $name {
            /// The word in the configuration file.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
    };
}
pub(crate) use choice;
