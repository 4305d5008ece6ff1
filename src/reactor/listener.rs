//! Sockets that connections come through: TCP, one address family each, and unix.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::reactor::socket;

/// The longest path of a unix socket, in bytes; see unix(7).
const MOST_PATH: usize = 107;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A socket that listens. A unix socket's path is removed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    address: Address,
}

impl Listener {
    /// Listens at a TCP address; IPv6 means IPv6 only. Port 0 lets the kernel choose, see
    /// [`Listener::address`]. `backlog` connections may wait to be accepted.
    ///
    /// # Errors
    ///
    /// The address is in use, is not of this machine, or may not be used; see [`Cause`].
    pub fn tcp(address: SocketAddr, backlog: u32) -> Result<Self, BindError> {
        let listen = || {
            let fd = socket::listen(address, backlog)?;
            let bound = socket::local_address(&fd)?;
            Ok(Self { fd, address: Address::Tcp(bound) })
        };
        listen().map_err(|error| BindError::new(Address::Tcp(address), error))
    }

    /// Listens at a path. A socket that nobody serves any more is replaced, another file is not.
    /// `path` has at most 107 bytes, see unix(7). `mode` holds the file's permissions, if they are to differ from what umask(2) leaves.
    ///
    /// # Errors
    ///
    /// The path is in use, too long, or may not be created; see [`Cause`].
    pub fn unix(path: &Path, mode: Option<u32>, backlog: u32) -> Result<Self, BindError> {
        let listen = || {
            if path.as_os_str().len() > MOST_PATH {
                return Err(io::Error::other(format!("the path is longer than {MOST_PATH} bytes")));
            }
            remove_stale(path)?;
            let listener = UnixListener::bind(path)?;
            if let Some(mode) = mode {
                std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
            }
            socket::set_backlog(&listener, backlog)?;
            Ok(Self { fd: listener.into(), address: Address::Unix(path.to_owned()) })
        };
        listen().map_err(|error| BindError::new(Address::Unix(path.to_owned()), error))
    }

    /// Has the kernel probe peers that were silent for so many seconds, of the connections that come
    /// from now on; 0 never probes.
    ///
    /// # Errors
    ///
    /// The kernel takes no more than 32767 seconds.
    pub fn keep_alive(&self, seconds: u32) -> io::Result<()> {
        match self.address {
            Address::Tcp(_) => socket::keep_alive(&self.fd, seconds),
            Address::Unix(_) => Ok(()),
        }
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // Whoever removed it before has done the same work.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes a socket whose server is gone: connecting to it is refused.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !meta.file_type().is_socket() {
        return Err(io::Error::other("a file that is no socket stands there"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// Why nothing listens at an address.
#[derive(Debug)]
pub struct BindError {
    pub address: Address,
    pub cause: Cause,
}

/// What stood in the way of a listener.
#[derive(Debug)]
pub enum Cause {
    InUse,
    /// No interface of this machine has the address.
    NotOurs,
    /// Ports below 1024 need a privilege, paths a directory that may be written to.
    Denied,
    Other(io::Error),
}

impl BindError {
    fn new(address: Address, error: io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::AddrInUse => Cause::InUse,
            io::ErrorKind::AddrNotAvailable => Cause::NotOurs,
            io::ErrorKind::PermissionDenied => Cause::Denied,
            _ => Cause::Other(error),
        };
        Self { address, cause }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen at {}: ", self.address)?;
        match &self.cause {
            Cause::InUse => f.write_str("address in use"),
            Cause::NotOurs => f.write_str("this machine does not have that address"),
            Cause::Denied => f.write_str("permission denied"),
            Cause::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Other(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt;
    use std::net::TcpStream;

    fn tcp(address: &str) -> Result<Listener, BindError> {
        Listener::tcp(address.parse().unwrap(), 16)
    }

    fn bound(listener: &Listener) -> SocketAddr {
        match listener.address() {
            Address::Tcp(address) => *address,
            Address::Unix(_) => panic!("this is TCP"),
        }
    }

    #[test]
    fn port_0_becomes_a_real_port_and_is_taken() {
        let listener = tcp("127.0.0.1:0").unwrap();
        let address = bound(&listener);
        assert_ne!(address.port(), 0);
        TcpStream::connect(address).unwrap();
        let error = Listener::tcp(address, 16).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen at {address}: address in use"));
    }

    #[test]
    fn connections_inherit_their_options() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = tcp(address).unwrap();
            let accepted = || {
                let _client = TcpStream::connect(bound(&listener)).unwrap();
                socket::accept(listener.as_fd()).unwrap()
            };
            let probes = |fd: &OwnedFd| {
                let idle = sockopt::tcp_keepidle(fd).unwrap().as_secs();
                let interval = sockopt::tcp_keepintvl(fd).unwrap().as_secs();
                (idle, interval, sockopt::tcp_keepcnt(fd).unwrap())
            };
            listener.keep_alive(300).unwrap();
            let first = accepted();
            assert!(sockopt::tcp_nodelay(&first).unwrap());
            assert!(sockopt::socket_keepalive(&first).unwrap());
            assert_eq!(probes(&first), (300, 100, 3));
            listener.keep_alive(1).unwrap();
            assert_eq!(probes(&accepted()), (1, 1, 3));
            listener.keep_alive(0).unwrap();
            assert!(!sockopt::socket_keepalive(accepted()).unwrap());
            assert!(sockopt::socket_keepalive(&first).unwrap(), "the older ones keep theirs");
            assert!(listener.keep_alive(32_768).is_err());
        }
    }

    #[test]
    fn both_families_can_share_a_port() {
        // The port that is free for one family may be taken for the other: a few tries.
        let shared = (0..8).any(|_| {
            let six = tcp("[::]:0").unwrap();
            let port = bound(&six).port();
            tcp(&format!("0.0.0.0:{port}")).is_ok()
        });
        assert!(shared);
    }

    #[test]
    fn a_foreign_address_is_named() {
        let error = tcp("192.0.2.1:0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen at 192.0.2.1:0: this machine does not have that address"
        );
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        let listener = Listener::unix(&path, Some(0o600), 16).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Listener::unix(&path, None, 16).unwrap_err();
        assert!(matches!(error.cause, Cause::InUse), "{error}");
        UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        std::fs::write(&path, "keep me").unwrap();
        let error = Listener::unix(&path, None, 16).unwrap_err();
        assert!(error.to_string().ends_with("a file that is no socket stands there"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"keep me");
    }
}
