//! A port for a connector that this program starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A free port of 127.0.0.1, kept from others for as long as this value lives.
///
/// The Functions host binds one, reads its number and lets go. Another program may get the same one before the connector binds
/// it, and would be taken for the connector. On Linux a socket that is bound and does not listen leaves the port to the
/// connector, which reuses addresses, and to nobody who asks for any port at all; other systems would not let the
/// connector in.
pub(super) struct Port {
    number: u16,
    _holder: Option<TcpSocket>,
}

impl Port {
    /// Finds one.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find() -> io::Result<Self> {
        let holder = TcpSocket::new_v4()?;
        holder.set_reuseaddr(true)?;
        holder.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let number = holder.local_addr()?.port();
        Ok(Self { number, _holder: Some(holder).filter(|_| cfg!(target_os = "linux")) })
    }

    /// Its number.
    pub(super) fn number(&self) -> u16 {
        self.number
    }
}
