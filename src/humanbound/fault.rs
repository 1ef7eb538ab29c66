//! Why there was no answer: the kinds that a person handles differently.
//!
//! reqwest's own error types say little, so the chain of causes is searched: for rustls's errors by type (an `io::Error`
//! wraps them without naming them as its source), and for the others by the wording that the layers below have long used.

use std::error::Error as StdError;
use std::{fmt, io};

use rustls::CertificateError;

/// A kind of failure below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The host's name is not known.
    Dns,
    /// Nothing listens there, or a firewall closes the port.
    Connect,
    /// The proxy of the environment rejects the connection.
    Proxy,
    /// The certificate is signed by an authority that this machine does not trust.
    UntrustedAuthority,
    /// The certificate is not valid yet: usually this machine's clock is behind.
    CertificateNotYetValid,
    /// The certificate has expired, or this machine's clock is ahead.
    CertificateExpired,
    /// Another failure of TLS.
    Tls,
    /// No answer in time; what was sent may have been acted upon.
    TimedOut,
    /// The connection ended before the answer did; what was sent may have been acted upon.
    Lost,
}

impl Fault {
    /// Whether the request may have reached the other side.
    pub(super) fn may_have_arrived(self) -> bool {
        matches!(self, Self::TimedOut | Self::Lost)
    }

    /// Whether trying again soon makes sense.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::Dns | Self::Connect | Self::Proxy | Self::TimedOut | Self::Lost)
    }

    pub(super) fn hint(self, host: &str) -> String {
        match self {
            Self::Dns => format!("check the name `{host}` and this machine's DNS"),
            Self::Connect => format!("check that `{host}` can be reached from here, or set `HTTPS_PROXY`"),
            Self::Proxy => format!("check `HTTPS_PROXY`, or put `{host}` into `NO_PROXY`"),
            Self::UntrustedAuthority => {
                "a proxy that inspects TLS seems to sit in between: name its root certificate in \
                 `SSL_CERT_FILE`, or install it in the system's store"
                    .to_owned()
            }
            Self::CertificateNotYetValid => "set this machine's clock, which seems to be behind".to_owned(),
            Self::CertificateExpired => {
                format!("set this machine's clock if it is ahead; else `{host}` must renew its certificate")
            }
            Self::Tls => {
                format!("check that `{host}` speaks TLS on this port and that no proxy breaks it up")
            }
            Self::TimedOut | Self::Lost => "try again".to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the name cannot be resolved",
            Self::Connect => "no connection",
            Self::Proxy => "the proxy does not let it through",
            Self::UntrustedAuthority => "its certificate is signed by an authority that is not trusted here",
            Self::CertificateNotYetValid => "its certificate is not valid yet",
            Self::CertificateExpired => "its certificate is not valid any more",
            Self::Tls => "TLS fails",
            Self::TimedOut => "no answer in time",
            Self::Lost => "the connection ended before the answer did",
        })
    }
}

/// The kind of a failure of reqwest, and the words of its innermost cause.
pub(super) fn of(error: &reqwest::Error) -> (Fault, String) {
    let chain = chain(error);
    let words = chain.last().map(ToString::to_string).unwrap_or_default();
    let said = |part: &str| chain.iter().any(|cause| cause.to_string().contains(part));
    let tls = chain.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    let fault = if let Some(tls) = tls {
        of_tls(tls)
    } else if said("tunnel") || said("proxy") {
        Fault::Proxy
    } else if said("dns error") {
        Fault::Dns
    } else if said("tls handshake") {
        // The other side closed the connection during the handshake, as a server for plain HTTP does.
        Fault::Tls
    } else if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Lost
    };
    (fault, words)
}

fn of_tls(error: &rustls::Error) -> Fault {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext, UnknownIssuer};
    match error {
        rustls::Error::InvalidCertificate(UnknownIssuer) => Fault::UntrustedAuthority,
        rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            Fault::CertificateNotYetValid
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => Fault::CertificateExpired,
        _ => Fault::Tls,
    }
}

/// The causes from the outermost to the innermost, including those that an `io::Error` wraps.
fn chain(error: &reqwest::Error) -> Vec<&(dyn StdError + 'static)> {
    let mut causes: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    // A chain has a handful of links; the bound is for one that loops.
    while let Some(cause) = next.filter(|_| causes.len() < 32) {
        causes.push(cause);
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    causes
}
