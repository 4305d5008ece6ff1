//! The system calls on sockets that std does not offer, each behind a safe function.
#![allow(unsafe_code)] // System calls; every pointer handed over is borrowed for the call only.

use std::ffi::OsStr;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::output::Output;
use crate::service::PeerAddress;

/// Slices a single sendmsg(2) takes at most here; the kernel's own bound is 1024.
pub(super) const MAX_SLICES: usize = 64;

/// Turns the result of a system call into a `Result`.
fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_len(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Makes an eventfd(2) for a [`Doorbell`](crate::mailbox::Doorbell).
///
/// # Errors
///
/// EMFILE and its kind.
pub fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers; the result is a fresh descriptor that nobody else owns.
    unsafe {
        let fd = check(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The running kernel's release, as uname(2) tells it.
pub(super) fn kernel_release() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: uname fills the struct with strings that end in NUL; all zeroes is valid too.
    let name = unsafe {
        libc::uname(name.as_mut_ptr());
        name.assume_init()
    };
    let bytes = name.release.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect::<Vec<_>>();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Opens a stream socket that listens at `address`. Port 0 lets the kernel choose.
///
/// Connections inherit its options, which saves setting them on each: no delay, since replies leave
/// whole, and those of [`keep_alive`].
pub(super) fn listen(address: SocketAddr, backlog: u32) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: takes no pointers; the result is a fresh descriptor that nobody else owns.
    let fd = unsafe {
        let fd = check(libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0))?;
        OwnedFd::from_raw_fd(fd)
    };
    set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if address.is_ipv6() {
        set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    set_option(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    bind(&fd, address)?;
    set_backlog(&fd, backlog)?;
    Ok(fd)
}

fn bind(fd: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    // SAFETY: both structs are plain data, and the length is that of the struct pointed at.
    let bound = unsafe {
        match address {
            SocketAddr::V4(v4) => {
                let mut name = zeroed::<libc::sockaddr_in>();
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = v4.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                libc::bind(fd.as_raw_fd(), (&raw const name).cast(), len)
            }
            SocketAddr::V6(v6) => {
                let mut name = zeroed::<libc::sockaddr_in6>();
                name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.sin6_port = v6.port().to_be();
                name.sin6_addr.s6_addr = v6.ip().octets();
                name.sin6_scope_id = v6.scope_id();
                let len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                libc::bind(fd.as_raw_fd(), (&raw const name).cast(), len)
            }
        }
    };
    check(bound).map(drop)
}

/// Makes a bound socket listen, or changes how many connections may wait to be accepted.
pub(super) fn set_backlog(fd: &impl AsRawFd, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    // SAFETY: takes no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// io_uring wants sockets that block: on others it reports EAGAIN instead of waiting. epoll wants
/// the opposite.
pub(super) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    let mut flag = i32::from(nonblocking);
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw mut flag) }).map(drop)
}

fn set_option(fd: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the option is an int, and the length says so.
    let set =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    check(set).map(drop)
}

/// Has the kernel probe a TCP peer that was silent for so many seconds, so that one that vanished is
/// noticed after twice as long: three probes go unanswered then. 0 never probes. See tcp(7).
pub(super) fn keep_alive(fd: &impl AsRawFd, seconds: u32) -> io::Result<()> {
    let idle = i32::try_from(seconds).unwrap_or(i32::MAX);
    set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, i32::from(idle > 0))?;
    if idle > 0 {
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, idle)?;
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, (idle / 3).max(1))?;
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 3)?;
    }
    Ok(())
}

/// Who is at the other end of a connection.
pub(super) fn peer_of(fd: &OwnedFd) -> io::Result<PeerAddress> {
    let local = name_of(fd, libc::getsockname)?;
    let local = match local {
        Name::Unix(path) => return Ok(PeerAddress::Unix { path: Arc::new(path) }),
        Name::Tcp(address) => address,
    };
    let Name::Tcp(peer) = name_of(fd, libc::getpeername)? else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    Ok(PeerAddress::Tcp { peer, local })
}

/// The address a TCP socket is bound to.
pub(super) fn local_address(fd: &OwnedFd) -> io::Result<SocketAddr> {
    match name_of(fd, libc::getsockname)? {
        Name::Tcp(address) => Ok(address),
        Name::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

enum Name {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

type AskName = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn name_of(fd: &OwnedFd, ask: AskName) -> io::Result<Name> {
    // SAFETY: all zeroes is a valid address; the kernel writes no more than the length allows, and
    // the family says which struct it has written.
    unsafe {
        let mut name = zeroed::<libc::sockaddr_storage>();
        let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        check(ask(fd.as_raw_fd(), (&raw mut name).cast(), &raw mut len))?;
        match i32::from(name.ss_family) {
            libc::AF_INET => {
                let v4 = &*(&raw const name).cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Ok(Name::Tcp(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into()))
            }
            libc::AF_INET6 => {
                let v6 = &*(&raw const name).cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Ok(Name::Tcp(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into()))
            }
            libc::AF_UNIX => {
                let un = &*(&raw const name).cast::<libc::sockaddr_un>();
                let path = un.sun_path.iter().map(|c| *c as u8).take_while(|c| *c != 0);
                let path = path.collect::<Vec<_>>();
                Ok(Name::Unix(PathBuf::from(OsStr::from_bytes(&path))))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// accept4(2) without waiting.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: null pointers say that the address is not wanted; the result is a fresh descriptor.
    unsafe {
        let null = std::ptr::null_mut();
        let fd = libc::accept4(listener.as_raw_fd(), null, null.cast(), libc::SOCK_CLOEXEC);
        Ok(OwnedFd::from_raw_fd(check(fd)?))
    }
}

/// recv(2) without waiting.
pub(super) fn recv(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes within the buffer.
    check_len(unsafe {
        let (start, len) = (buffer.as_mut_ptr().cast(), buffer.len());
        libc::recv(fd.as_raw_fd(), start, len, libc::MSG_DONTWAIT)
    })
}

/// recv(2) without waiting, into the room behind the bytes in `memory`.
pub(super) fn recv_behind(fd: BorrowedFd<'_>, memory: &mut Vec<u8>) -> io::Result<usize> {
    let room = memory.spare_capacity_mut();
    // SAFETY: the kernel writes within the room, and has written as many bytes as it says.
    unsafe {
        let (start, len) = (room.as_mut_ptr().cast(), room.len());
        let count = check_len(libc::recv(fd.as_raw_fd(), start, len, libc::MSG_DONTWAIT))?;
        memory.set_len(memory.len() + count);
        Ok(count)
    }
}

/// send(2) without waiting and without SIGPIPE.
pub(super) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads within the slice.
    check_len(unsafe {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags)
    })
}

/// Sends what is left of `output` after `skip` bytes, as far as one call goes.
pub(super) fn send_output(fd: BorrowedFd<'_>, output: &Output, skip: usize) -> io::Result<usize> {
    if output.is_contiguous() {
        return output.segments(skip).next().map_or(Ok(0), |bytes| send(fd, bytes));
    }
    let mut slices = Vec::with_capacity(MAX_SLICES);
    slices.extend(output.segments(skip).take(MAX_SLICES).map(io::IoSlice::new));
    // SAFETY: `IoSlice` has the layout of iovec, as std promises; the kernel only reads, and both
    // the slices and what they point at outlive the call.
    check_len(unsafe {
        let mut message = zeroed::<libc::msghdr>();
        message.msg_iov = slices.as_mut_ptr().cast();
        message.msg_iovlen = slices.len();
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        libc::sendmsg(fd.as_raw_fd(), &raw const message, flags)
    })
}

/// Says what `word` has for the socket's address, as far as that is taken at once, then closes it.
pub(super) fn refuse(socket: OwnedFd, word: impl FnOnce(&PeerAddress) -> &'static [u8]) {
    // Best effort: the peer is being turned away, and learns it from the close at the latest.
    let _ = peer_of(&socket).and_then(|address| send(socket.as_fd(), word(&address)));
}

/// Closes a listener for good. Returns the connections that waited to be accepted, as far as there are
/// descriptors for them.
pub(super) fn stop_listening(listener: BorrowedFd<'_>) -> Vec<OwnedFd> {
    /// More than may wait at one time; without a bound, those who come fast enough could keep it busy.
    const MOST: usize = 4096;
    if set_nonblocking(listener, true).is_err() {
        return Vec::new();
    }
    let waiting = std::iter::from_fn(|| accept(listener).ok()).take(MOST).collect();
    shutdown(listener);
    waiting
}

/// Lets no more bytes come: after those that have arrived, a receive finds the end.
pub(super) fn finish_recv(fd: BorrowedFd<'_>) {
    // SAFETY: takes no pointers. ENOTCONN says that the end is there already.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RD) };
}

/// Ends both directions of a connection, or a listener; what waits on it wakes up.
pub(super) fn shutdown(fd: BorrowedFd<'_>) {
    // SAFETY: takes no pointers. ENOTCONN says that the peer was faster.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn addresses_are_read_back_as_std_reads_them() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let fd = listen(address.parse().unwrap(), 16).unwrap();
            let bound = local_address(&fd).unwrap();
            assert_ne!(bound.port(), 0);
            let std = TcpListener::from(fd);
            assert_eq!(std.local_addr().unwrap(), bound);
            let client = TcpStream::connect(bound).unwrap();
            let served = OwnedFd::from(std.accept().unwrap().0);
            match peer_of(&served).unwrap() {
                PeerAddress::Tcp { peer, local } => {
                    assert_eq!((peer, local), (client.local_addr().unwrap(), bound));
                }
                PeerAddress::Unix { .. } => panic!("this is TCP"),
            }
        }
    }

    #[test]
    fn a_unix_peer_is_known_by_the_path_it_came_through() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("socket");
        let listener = UnixListener::bind(&place).unwrap();
        let _client = UnixStream::connect(&place).unwrap();
        let served = OwnedFd::from(listener.accept().unwrap().0);
        match peer_of(&served).unwrap() {
            PeerAddress::Unix { path } => assert_eq!(*path, place),
            PeerAddress::Tcp { .. } => panic!("this is a unix socket"),
        }
    }

    #[test]
    fn an_output_of_many_segments_leaves_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut output = Output::new();
        let mut expected = Vec::new();
        for n in 0..2 * MAX_SLICES as u8 {
            output.extend(&[n]);
            output.share(bytes::Bytes::from(vec![n; 3]));
            expected.extend([n; 4]);
        }
        let mut sent = 0;
        while sent < output.len() {
            sent += send_output(ours.as_fd(), &output, sent).unwrap();
        }
        let mut got = vec![0; expected.len()];
        std::io::Read::read_exact(&mut &theirs, &mut got).unwrap();
        assert_eq!(got, expected);
    }
}
