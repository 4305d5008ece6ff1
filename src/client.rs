//! What all reactors may know of a client: CLIENT LIST and CLIENT KILL reach across reactors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::peer::{Buffers, Peer};
use crate::resp::{OwnedArgs, Version};
use crate::store::Ticket;

/// A client's entry in the list of all clients. Its own reactor writes it, once a batch; any
/// reactor reads it.
pub struct Client {
    pub id: u64,
    pub peer: Peer,
    /// Milliseconds from when it connected to the last request.
    last_request_ms: AtomicU64,
    /// The number of the last command in the command table.
    last_command: AtomicU16,
    db: AtomicU32,
    protocol: AtomicU8,
    pub no_evict: AtomicBool,
    pub no_touch: AtomicBool,
    /// Its connection is about to be closed.
    condemned: AtomicBool,
    /// None until it says something of itself.
    names: RwLock<Option<Box<Names>>>,
    buffers: NotedBuffers,
    /// What it is blocked by, if it is.
    waiter: Mutex<Option<Arc<Waiter>>>,
}

/// The last note of what is in its buffers.
#[derive(Default)]
struct NotedBuffers {
    query: AtomicUsize,
    query_room: AtomicUsize,
    output: AtomicUsize,
    output_pieces: AtomicUsize,
}

/// A request that waits for one of its keys, on whichever reactor that appears.
#[derive(Debug)]
pub struct Waiter {
    pub ticket: Ticket,
    pub db: usize,
    pub version: Version,
    pub args: OwnedArgs,
    /// The places of the keys among the arguments.
    pub keys: Range<usize>,
}

impl Waiter {
    /// The keys that are waited for.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.args.as_args().iter().take(self.keys.end).skip(self.keys.start)
    }
}

/// What a client says of itself.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub name: String,
    pub lib_name: String,
    pub lib_version: String,
}

impl Names {
    fn memory(&self) -> usize {
        let Self { name, lib_name, lib_version } = self;
        size_of::<Self>() + name.capacity() + lib_name.capacity() + lib_version.capacity()
    }
}

/// In place of a command's number: there was none.
pub const NO_COMMAND: u16 = u16::MAX;

impl Client {
    fn new(id: u64, peer: Peer) -> Self {
        Self {
            id,
            peer,
            last_request_ms: AtomicU64::new(0),
            last_command: AtomicU16::new(NO_COMMAND),
            db: AtomicU32::new(0),
            protocol: AtomicU8::new(2),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            condemned: AtomicBool::new(false),
            names: RwLock::default(),
            buffers: NotedBuffers::default(),
            waiter: Mutex::default(),
        }
    }

    /// Notes what a batch of requests left behind.
    #[inline]
    pub fn note(&self, now: Instant, command: u16, db: usize, protocol: u8) {
        let since = now.saturating_duration_since(self.peer.connected);
        self.last_request_ms.store(since.as_millis() as u64, Ordering::Relaxed);
        self.last_command.store(command, Ordering::Relaxed);
        self.db.store(db as u32, Ordering::Relaxed);
        self.protocol.store(protocol, Ordering::Relaxed);
    }

    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.peer.connected)
    }

    /// Time since the last request.
    pub fn idle(&self, now: Instant) -> Duration {
        let last = Duration::from_millis(self.last_request_ms.load(Ordering::Relaxed));
        self.age(now).saturating_sub(last)
    }

    /// The number of the last command in the command table, if there was one.
    pub fn last_command(&self) -> Option<u16> {
        Some(self.last_command.load(Ordering::Relaxed)).filter(|&number| number != NO_COMMAND)
    }

    pub fn db(&self) -> u32 {
        self.db.load(Ordering::Relaxed)
    }

    /// 2 or 3.
    pub fn protocol(&self) -> u8 {
        self.protocol.load(Ordering::Relaxed)
    }

    /// Notes what its reactor holds for it.
    pub fn note_buffers(&self, buffers: Buffers) {
        let noted = &self.buffers;
        noted.query.store(buffers.query, Ordering::Relaxed);
        noted.query_room.store(buffers.query_room, Ordering::Relaxed);
        noted.output.store(buffers.output, Ordering::Relaxed);
        noted.output_pieces.store(buffers.output_pieces, Ordering::Relaxed);
    }

    pub fn buffers(&self) -> Buffers {
        let noted = &self.buffers;
        Buffers {
            query: noted.query.load(Ordering::Relaxed),
            query_room: noted.query_room.load(Ordering::Relaxed),
            output: noted.output.load(Ordering::Relaxed),
            output_pieces: noted.output_pieces.load(Ordering::Relaxed),
        }
    }

    pub fn names(&self) -> Names {
        self.names.read().as_deref().cloned().unwrap_or_default()
    }

    pub fn rename(&self, change: impl FnOnce(&mut Names)) {
        change(self.names.write().get_or_insert_default());
    }

    /// Decides that the connection will be closed. True for the first who does: the one who
    /// counts it.
    pub fn condemn(&self) -> bool {
        !self.condemned.swap(true, Ordering::Relaxed)
    }

    #[inline]
    pub fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Relaxed)
    }

    /// Lets the client wait. The segments of its keys must be held: who finds it in a queue finds
    /// its request here.
    pub fn block(&self, waiter: Waiter) {
        *self.waiter.lock() = Some(Arc::new(waiter));
    }

    /// The client's request was taken out of the queues: it is over.
    pub fn unblock(&self) {
        *self.waiter.lock() = None;
    }

    /// The request that waits.
    pub fn waiter(&self) -> Option<Arc<Waiter>> {
        self.waiter.lock().clone()
    }

    pub fn is_blocked(&self) -> bool {
        self.waiter.lock().is_some()
    }

    /// Bytes of memory that its request takes while it waits.
    pub fn waiting_memory(&self) -> usize {
        let waiter = self.waiter.lock();
        waiter.as_ref().map_or(0, |waiter| size_of::<Waiter>() + waiter.args.heap_size())
    }

    /// Bytes of memory that the client takes: its entry here, its buffers, and what it waits with.
    pub fn memory(&self) -> usize {
        let names = self.names.read().as_deref().map_or(0, Names::memory);
        size_of::<Self>() + names + self.waiting_memory() + self.buffers().memory()
    }
}

/// All clients of the server, by id.
#[derive(Default)]
pub struct ClientList {
    last_id: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Client>>>,
    evicting: Mutex<()>,
}

impl ClientList {
    pub fn add(&self, peer: Peer) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, peer));
        self.all.lock().insert(id, client.clone());
        client
    }

    pub fn remove(&self, id: u64) {
        self.all.lock().remove(&id);
    }

    /// The clients of this moment, oldest first, without those that are condemned.
    pub fn list(&self) -> Vec<Arc<Client>> {
        let all = self.all.lock();
        all.values().filter(|client| !client.is_condemned()).cloned().collect()
    }

    /// For who closes clients to save memory: None while somebody else does.
    pub fn evicting(&self) -> Option<MutexGuard<'_, ()>> {
        self.evicting.try_lock()
    }

    /// The client with that id, unless it is condemned.
    pub fn find(&self, id: u64) -> Option<Arc<Client>> {
        self.all.lock().get(&id).filter(|client| !client.is_condemned()).cloned()
    }

    pub fn count(&self) -> usize {
        self.all.lock().len()
    }
}
