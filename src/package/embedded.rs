//! The package inside a released `hb-sentinel`, so that one downloaded file deploys.

/// The zip that `make dist` built into this program; `None` in any other build.
pub const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/package.rs"));
