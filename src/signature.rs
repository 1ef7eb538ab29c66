//! Verification of `X-Humanbound-Signature`.
//!
//! Humanbound signs the raw bytes of every delivery with HMAC-SHA256 and sends `sha256=<hex>`. The key is the webhook's
//! secret as UTF-8 text: a secret of 64 hex digits is *not* decoded first.
//! Source: <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>.
//!
//! This module knows nothing of HTTP and never logs. It offers no way to read a secret back.

use std::fmt;

use ring::hmac;

/// The header that carries the signature, in the lower-case form that HTTP libraries use.
pub const HEADER: &str = "x-humanbound-signature";

const PREFIX: &[u8] = b"sha256=";

/// A webhook's signing secret. It cannot be printed or compared.
#[derive(Clone)]
pub struct Secret {
    /// The keyed state: deriving it once saves two rounds of SHA-256 for every request.
    key: hmac::Key,
}

impl Secret {
    /// Takes the secret's text as it is; `None` when it is empty, since with an empty key anybody could sign.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self { key: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()) })
    }

    fn mac_of(&self, body: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        for (to, from) in mac.iter_mut().zip(hmac::sign(&self.key, body).as_ref()) {
            *to = *from;
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The 32 bytes of a well-formed signature header; nothing is known yet about whether they are right.
#[derive(Debug, Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads `sha256=` and 64 hex digits of either case, and nothing else: no blanks, no second value, and the prefix only
    /// in lower case, as it is documented. `None` otherwise.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (pairs, []) = header.strip_prefix(PREFIX)?.as_chunks::<2>() else { return None };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Some(Self(bytes))
    }
}

/// The header value for `body`: `sha256=` and 64 lower-case hex digits.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    let mut value = String::from_utf8_lossy(PREFIX).into_owned();
    value.push_str(&lower_hex(&secret.mac_of(body)));
    value
}

/// Whether any of `secrets` signed `body`, which is the bytes exactly as they were sent.
///
/// Each comparison takes constant time and every secret is tried, so the time reveals neither how much of a signature was
/// right nor which secret it belongs to. Without secrets nothing matches.
#[must_use]
pub fn verify(secrets: &[Secret], signature: &Signature, body: &[u8]) -> bool {
    signer(secrets, signature, body).is_some()
}

/// As [`verify`], and which of `secrets` it was.
pub(crate) fn signer(secrets: &[Secret], signature: &Signature, body: &[u8]) -> Option<usize> {
    secrets.iter().enumerate().fold(None, |known, (at, secret)| {
        let is_signer = hmac::verify(&secret.key, body, &signature.0).is_ok();
        if is_signer { known.or(Some(at)) } else { known }
    })
}

/// What tells one body from another without a hash of its own: its MAC under the first of `secrets`. That is the signature
/// itself when that secret signed the body as it is, which `signed_by` says.
pub(crate) fn fingerprint(
    secrets: &[Secret],
    signature: &Signature,
    signed_by: Option<usize>,
    body: &[u8],
) -> [u8; 32] {
    match secrets.first() {
        Some(first) if signed_by != Some(0) => first.mac_of(body),
        _ => signature.0,
    }
}

/// Two lower-case hex digits a byte.
pub(crate) fn lower_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        hex.push(digit(byte >> 4));
        hex.push(digit(byte & 15));
    }
    hex
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"event_type":"ping"}"#;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    fn accepts(secrets: &[Secret], header: &str, body: &[u8]) -> bool {
        Signature::parse(header.as_bytes()).is_some_and(|signature| verify(secrets, &signature, body))
    }

    /// RFC 4231, test cases 1 and 2, whose keys are UTF-8 text: <https://www.rfc-editor.org/rfc/rfc4231#section-4>.
    #[test]
    fn signs_as_rfc_4231_says() {
        let one = secret(&"\u{b}".repeat(20));
        assert_eq!(
            sign(&one, b"Hi There"),
            "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        let two = secret("Jefe");
        assert_eq!(
            sign(&two, b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// Expected values from Python's `hmac`: a key longer than a block of SHA-256, and one beyond ASCII.
    #[test]
    fn signs_with_any_text_for_a_secret() {
        assert_eq!(
            sign(&secret(&"k".repeat(131)), BODY),
            "sha256=59cba40b225d5eb928fbae92a3c96921f8cb3173826a0dab3a55732eb86da757"
        );
        assert_eq!(
            sign(&secret("schlüssel €"), b""),
            "sha256=19f9a0deb3a132007fe6de17467d5372d1ce3b92ebff8be7f41232329c4f38e1"
        );
    }

    #[test]
    fn keys_with_the_secrets_text_and_does_not_decode_hex() {
        let text = "00".repeat(32);
        let bytes: String = "\0".repeat(32);
        assert_ne!(sign(&secret(&text), BODY), sign(&secret(&bytes), BODY));
    }

    #[test]
    fn accepts_hex_of_either_case() {
        let secrets = [secret("s3cret")];
        let lower = sign(&secrets[0], BODY);
        let upper = lower.to_uppercase().replace("SHA256=", "sha256=");
        let mixed: String = lower
            .chars()
            .enumerate()
            .map(|(i, c)| if i > 6 && i % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect();
        assert_ne!(lower, upper);
        assert_ne!(lower, mixed);
        for header in [lower, upper, mixed] {
            assert!(accepts(&secrets, &header, BODY), "{header}");
        }
    }

    #[test]
    fn rejects_every_malformed_header() {
        let good = sign(&secret("s3cret"), BODY);
        let hex = good.strip_prefix("sha256=").unwrap();
        let first = |digits: usize| hex.get(..digits).unwrap();
        let malformed = [
            String::new(),
            "sha256=".into(),
            hex.into(),
            format!("SHA256={hex}"),
            format!("sha1={hex}"),
            format!("sha256:{hex}"),
            format!(" {good}"),
            format!("{good} "),
            format!("{good}\n"),
            format!("{good},{good}"),
            format!("{good}00"),
            format!("sha256={}", first(63)),
            format!("sha256={}", first(62)),
            format!("sha256={}g", first(63)),
            format!("sha256=+{}", first(63)),
            format!("sha256=0x{}", first(62)),
            format!("sha256={}\u{e9}", first(62)),
        ];
        for header in malformed {
            assert!(Signature::parse(header.as_bytes()).is_none(), "{header:?}");
        }
        assert!(Signature::parse(good.as_bytes()).is_some());
        assert!(Signature::parse(b"sha256=\xff\xfe").is_none());
    }

    #[test]
    fn rejects_every_single_changed_bit() {
        let secrets = [secret("s3cret")];
        let Signature(right) = Signature::parse(sign(&secrets[0], BODY).as_bytes()).unwrap();
        for bit in 0..256 {
            let mut wrong = right;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&secrets, &Signature(wrong), BODY), "bit {bit}");
        }
    }

    #[test]
    fn rejects_another_body_and_another_secret() {
        let header = sign(&secret("s3cret"), BODY);
        assert!(!accepts(&[secret("s3cret")], &header, b"{\"event_type\":\"pong\"}"));
        assert!(!accepts(&[secret("s3cret ")], &header, BODY));
        assert!(!accepts(&[], &header, BODY));
    }

    #[test]
    fn accepts_the_current_and_the_previous_secret() {
        let secrets = [secret("current"), secret("previous")];
        for known in &secrets {
            assert!(accepts(&secrets, &sign(known, BODY), BODY));
        }
        assert!(!accepts(&secrets, &sign(&secret("older"), BODY), BODY));
    }

    #[test]
    fn an_empty_secret_does_not_exist() {
        assert!(Secret::new("").is_none());
    }

    #[test]
    fn never_prints_the_secret() {
        let printed = format!("{:?} {:#?}", secret("s3cret"), Some(secret("s3cret")));
        assert!(printed.starts_with("Secret(redacted)"));
        assert!(!printed.contains("s3cret"));
    }
}
