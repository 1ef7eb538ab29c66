//! The webhook secret as text, for the short time in which it is handed on.

use std::fmt;

use zeroize::Zeroizing;

/// The least length that is taken: below it a signature could be guessed.
pub const MIN_LENGTH: usize = 32;

/// A webhook secret. It cannot be printed, and is wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a secret of at least [`MIN_LENGTH`] printable ASCII characters, without blanks at its ends; `None` for
    /// another text, which a header or a terminal might change on its way.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (text.len() >= MIN_LENGTH && is_printable && text.trim() == text.as_str()).then_some(Self(text))
    }

    /// Its text, to be written where it belongs and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}
