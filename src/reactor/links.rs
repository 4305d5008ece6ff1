//! What the reactors of one server share with each other.

use std::sync::Arc;

use crate::mailbox::{Doorbell, Mailbox, Stop};
use crate::stats::{Clients, ReactorStats};

/// Messages that may wait in one reactor's mailbox.
const MESSAGES: usize = 4096;

/// Connections that may wait for one reactor to adopt them.
const ARRIVALS: usize = 1024;

/// One reactor's ends of what all share.
#[derive(Debug)]
pub struct Links<Socket> {
    /// Wakes this reactor.
    pub doorbell: Arc<Doorbell>,
    /// What this reactor is told.
    pub mailbox: Arc<Mailbox>,
    /// Connections this reactor shall serve, accepted by another one.
    pub arrivals: Arc<Mailbox<Socket>>,
    /// The `arrivals` of all reactors, in order, this one's among them.
    pub peers: Vec<Arc<Mailbox<Socket>>>,
    /// Ends all reactors.
    pub stop: Arc<Stop>,
    /// Connected clients of the whole server.
    pub clients: Arc<Clients>,
    /// What this reactor has done.
    pub stats: Arc<ReactorStats>,
}

impl<Socket> Links<Socket> {
    /// Links as many reactors as there are doorbells; reactor n gets the nth.
    pub fn connect(doorbells: Vec<Doorbell>, clients: &Arc<Clients>) -> Vec<Self> {
        let doorbells: Vec<_> = doorbells.into_iter().map(Arc::new).collect();
        let stop = Arc::new(Stop::new(doorbells.clone()));
        let arrivals = |bell: &Arc<_>| Arc::new(Mailbox::new(ARRIVALS, Arc::clone(bell)));
        let peers: Vec<_> = doorbells.iter().map(arrivals).collect();
        let links = doorbells.into_iter().zip(&peers).map(|(doorbell, arrivals)| Self {
            mailbox: Arc::new(Mailbox::new(MESSAGES, Arc::clone(&doorbell))),
            doorbell,
            arrivals: Arc::clone(arrivals),
            peers: peers.clone(),
            stop: Arc::clone(&stop),
            clients: Arc::clone(clients),
            stats: Arc::default(),
        });
        links.collect()
    }
}

impl<Socket> Clone for Links<Socket> {
    fn clone(&self) -> Self {
        Self {
            doorbell: Arc::clone(&self.doorbell),
            mailbox: Arc::clone(&self.mailbox),
            arrivals: Arc::clone(&self.arrivals),
            peers: self.peers.clone(),
            stop: Arc::clone(&self.stop),
            clients: Arc::clone(&self.clients),
            stats: Arc::clone(&self.stats),
        }
    }
}
