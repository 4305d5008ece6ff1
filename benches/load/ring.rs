//! Sockets on an io_uring, behind calls that are safe: multishot receives into buffers that the
//! kernel picks, sends that own their bytes, and one system call for all of them.
//!
//! This is the generator's and the floor's own ring and not the server's, so that a mistake there
//! cannot hide in the measurement.
#![allow(unsafe_code)] // Memory shared with the kernel.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

/// What has happened on a ring. Sockets are named by the numbers that [`Ring::add`] returned.
#[derive(Debug)]
pub enum Event<'a> {
    Accepted(TcpStream),
    Received {
        socket: usize,
        bytes: &'a [u8],
    },
    /// All the bytes have left; here is their buffer again.
    Sent {
        socket: usize,
        buffer: Vec<u8>,
    },
    /// The peer has closed, or an error came.
    Ended {
        error: Option<io::Error>,
    },
}

/// A ring and the sockets on it.
pub struct Ring {
    ring: IoUring,
    buffers: Buffers,
    sockets: Vec<Socket>,
    listener: Option<TcpListener>,
    completions: Vec<cqueue::Entry>,
}

struct Socket {
    stream: TcpStream,
    /// What the kernel is reading from: untouched until it says that it is done.
    sending: Option<Vec<u8>>,
}

/// What an entry was about, in the upper half of its user data; the socket is in the lower one.
const ACCEPT: u64 = 1 << 32;
const RECEIVE: u64 = 2 << 32;
const SEND: u64 = 3 << 32;
const SEND_STATIC: u64 = 4 << 32;

const SUBMISSIONS: u32 = 4096;
const COMPLETIONS: u32 = 16384;

impl Ring {
    /// A ring that receives into `count` buffers of `size` bytes.
    pub fn new(count: u16, size: u32) -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)
            .map_err(|error| {
                let why = format!("io_uring as the generator needs it (Linux 6.1): {error}");
                io::Error::new(error.kind(), why)
            })?;
        let buffers = Buffers::new(count, size)?;
        // SAFETY: the mapping outlives the ring's use of it: `drop` ends all receives first.
        unsafe {
            let address = buffers.map.as_ptr() as u64;
            ring.submitter().register_buf_ring_with_flags(address, buffers.count, 0, 0)?;
        }
        Ok(Self { ring, buffers, sockets: Vec::new(), listener: None, completions: Vec::new() })
    }

    /// Accepts from a listener from now on.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        let entry = accept(&listener);
        self.listener = Some(listener);
        self.push(entry)
    }

    /// Receives from a socket from now on, and returns its number. Numbers count up from 0.
    pub fn add(&mut self, stream: TcpStream) -> io::Result<usize> {
        stream.set_nodelay(true)?;
        let socket = self.sockets.len();
        let entry = receive(&stream, socket);
        self.sockets.push(Socket { stream, sending: None });
        self.push(entry)?;
        Ok(socket)
    }

    /// Sends bytes and gives their buffer back with [`Event::Sent`]. One at a time for a socket.
    pub fn send(&mut self, socket: usize, bytes: Vec<u8>) -> io::Result<()> {
        let place = &mut self.sockets[socket];
        assert!(place.sending.is_none(), "one send at a time");
        let bytes = place.sending.insert(bytes);
        let entry = send(&place.stream, bytes).user_data(SEND | socket as u64);
        self.push(entry)
    }

    /// Sends bytes that live for ever, and says nothing when they have left.
    pub fn send_static(&mut self, socket: usize, bytes: &'static [u8]) -> io::Result<()> {
        let entry = send(&self.sockets[socket].stream, bytes);
        let quiet = squeue::Flags::SKIP_SUCCESS;
        self.push(entry.user_data(SEND_STATIC | socket as u64).flags(quiet))
    }

    /// Submits what was started, waits until something has happened or the time is over, and hands
    /// over what has.
    pub fn wait(
        &mut self,
        time: Duration,
        mut hear: impl FnMut(Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let time = Timespec::from(time);
        match self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time)) {
            Ok(_) => {}
            Err(error) => match error.raw_os_error() {
                // EBUSY: completions have to be taken first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
                _ => return Err(error),
            },
        }
        let mut completions = std::mem::take(&mut self.completions);
        completions.extend(self.ring.completion());
        for completion in completions.drain(..) {
            self.complete(&completion, &mut hear)?;
        }
        self.completions = completions;
        self.buffers.publish();
        Ok(())
    }

    #[inline]
    fn complete(
        &mut self,
        completion: &cqueue::Entry,
        hear: &mut impl FnMut(Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let socket = (completion.user_data() & 0xffff_ffff) as usize;
        let result = completion.result();
        match completion.user_data() - socket as u64 {
            RECEIVE => self.received(socket, completion, hear),
            SEND => {
                let buffer = self.sockets[socket].sending.take().expect("it was being sent");
                match usize::try_from(result) {
                    Ok(sent) if sent == buffer.len() => hear(Event::Sent { socket, buffer }),
                    _ => hear(Event::Ended { error: Some(error_of(result)) }),
                }
            }
            SEND_STATIC => hear(Event::Ended { error: Some(error_of(result)) }),
            _ if result < 0 => Err(error_of(result)),
            _ => {
                // SAFETY: the kernel made this descriptor just now, and nobody else knows it.
                hear(Event::Accepted(unsafe { TcpStream::from_raw_fd(result) }))?;
                match &self.listener {
                    Some(listener) if !cqueue::more(completion.flags()) => {
                        let entry = accept(listener);
                        self.push(entry)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    #[inline]
    fn received(
        &mut self,
        socket: usize,
        completion: &cqueue::Entry,
        hear: &mut impl FnMut(Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let result = completion.result();
        if let Some(buffer) = cqueue::buffer_select(completion.flags()) {
            let bytes = self.buffers.bytes(buffer, result.max(0) as usize);
            let heard =
                if bytes.is_empty() { Ok(()) } else { hear(Event::Received { socket, bytes }) };
            self.buffers.offer(buffer);
            heard?;
        }
        if result == 0 || result < 0 && result != -libc::ENOBUFS {
            let error = (result < 0).then(|| error_of(result));
            return hear(Event::Ended { error });
        }
        if !cqueue::more(completion.flags()) {
            // Buffers may have run out; they are back before the next enter.
            let entry = receive(&self.sockets[socket].stream, socket);
            self.push(entry)?;
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: entries are made in this file only, and point at buffers of `sending`, which
            // stay until the kernel is done with them, at static bytes, or at nothing.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return Ok(());
            }
            self.ring.submit()?;
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Waits until the kernel has let go of all buffers. If it does not, they are leaked.
        let ended = self
            .ring
            .submit()
            .and_then(|_| self.ring.submitter().register_sync_cancel(None, CancelBuilder::any()));
        let nothing_left =
            matches!(&ended, Err(error) if error.raw_os_error() == Some(libc::ENOENT));
        if ended.is_err() && !nothing_left {
            self.sockets.iter_mut().for_each(|socket| std::mem::forget(socket.sending.take()));
            self.buffers.leak = true;
        }
    }
}

fn accept(listener: &TcpListener) -> squeue::Entry {
    opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build().user_data(ACCEPT)
}

fn receive(stream: &TcpStream, socket: usize) -> squeue::Entry {
    let entry = opcode::RecvMulti::new(Fd(stream.as_raw_fd()), 0).build();
    entry.user_data(RECEIVE | socket as u64)
}

fn send(stream: &TcpStream, bytes: &[u8]) -> squeue::Entry {
    let length = u32::try_from(bytes.len()).expect("a send takes less than 4 GiB");
    opcode::Send::new(Fd(stream.as_raw_fd()), bytes.as_ptr(), length)
        .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
        .build()
}

fn error_of(result: i32) -> io::Error {
    if result < 0 {
        io::Error::from_raw_os_error(-result)
    } else {
        io::Error::new(io::ErrorKind::WriteZero, "a send was cut short")
    }
}

/// Receive buffers, in one mapping behind the ring that offers them to the kernel.
struct Buffers {
    map: NonNull<u8>,
    length: usize,
    count: u16,
    size: usize,
    tail: u16,
    leak: bool,
}

const PAGE: usize = 4096;

impl Buffers {
    fn new(count: u16, size: u32) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "rings have a power of two of places");
        let size = size as usize;
        let length = Self::start_of(count, count, size);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_ANONYMOUS | libc::MAP_PRIVATE | libc::MAP_POPULATE;
        // SAFETY: a fresh anonymous mapping.
        let map = unsafe { libc::mmap(ptr::null_mut(), length, access, kind, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let map = NonNull::new(map.cast()).expect("mappings are not at 0");
        let mut buffers = Self { map, length, count, size, tail: 0, leak: false };
        (0..count).for_each(|buffer| buffers.offer(buffer));
        buffers.publish();
        Ok(buffers)
    }

    fn start_of(buffer: u16, count: u16, size: usize) -> usize {
        let ring = (usize::from(count) * size_of::<BufRingEntry>()).next_multiple_of(PAGE);
        ring + usize::from(buffer) * size
    }

    #[inline]
    fn start(&self, buffer: u16) -> *const u8 {
        assert!(buffer < self.count, "the kernel names buffers that it was offered");
        // SAFETY: within the mapping, as the line above makes sure.
        unsafe { self.map.as_ptr().add(Self::start_of(buffer, self.count, self.size)) }
    }

    /// What the kernel has put into a buffer, which is not offered again while this is borrowed.
    #[inline]
    fn bytes(&self, buffer: u16, length: usize) -> &[u8] {
        // SAFETY: within the mapping, zeroed at first, and left alone by the kernel until `offer`,
        // which takes the buffers by `&mut`.
        unsafe { std::slice::from_raw_parts(self.start(buffer), length.min(self.size)) }
    }

    /// Offers a buffer to the kernel, which sees it after `publish`.
    #[inline]
    fn offer(&mut self, buffer: u16) {
        let start = self.start(buffer) as u64;
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: within the ring, beyond the tail that the kernel reads up to. Fields are set one
        // by one, since the first entry holds the tail.
        unsafe {
            let entry = &mut *self.map.as_ptr().cast::<BufRingEntry>().add(place);
            entry.set_addr(start);
            entry.set_len(self.size as u32);
            entry.set_bid(buffer);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    #[inline]
    fn publish(&mut self) {
        // SAFETY: the tail lies in the ring's first entry; only this side writes it.
        unsafe {
            let tail = BufRingEntry::tail(self.map.as_ptr().cast()).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if !self.leak {
            // SAFETY: the mapping of `new`; nothing borrows from it any more.
            unsafe { libc::munmap(self.map.as_ptr().cast(), self.length) };
        }
    }
}
