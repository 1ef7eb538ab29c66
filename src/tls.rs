//! The cryptography behind every TLS connection: ring, installed once for the whole process.
//!
//! reqwest is built without a provider, so that its default one, aws-lc-rs, is not built as well.

use rustls::crypto::ring;

/// Installs the provider, unless an earlier call did.
pub(crate) fn install_provider() {
    // An error means that a provider is installed already.
    drop(ring::default_provider().install_default());
}
