//! The one HTTP client behind every call that carries a token.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{ClientOptions, RetryOptions, Transport};

use crate::tls;

/// A connection is up or refused long before this; what is left of a deadline belongs to the retry and the spool.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Azure's front ends close idle connections after minutes; ours go first, so that none is reused while it dies.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Builds the client: rustls with the platform's certificates, HTTP/1.1, no redirects and no proxies, because a
/// token must not travel to a host that a response header or a variable names.
///
/// # Errors
/// When the TLS back end cannot be set up, for example because the system has no root certificates.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    tls::install_provider();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
}

/// Options for the Azure SDK's clients: our transport, and no retries, since every call runs under our own time-out.
pub(crate) fn sdk_options(client: &reqwest::Client) -> ClientOptions {
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(client.clone()))),
        ..ClientOptions::default()
    }
}

/// The innermost error: the outer ones only repeat the URL.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
