//! What can go wrong, and what follows from it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a graph was not solved.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// The job is of no more use.
    #[error("solve: cancelled")]
    Cancelled,
    /// The device cannot be had, or has failed.
    #[error("solve on {device}")]
    Device {
        /// Which.
        device: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Why a connection to a pool or node is of no use. The next one is tried after every one of them.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The network fails, or the peer ends the connection.
    #[error("{doing}")]
    Connection {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The peer is not who it should be, or does not speak TLS.
    #[error("begin TLS with {host}")]
    Tls {
        /// Whom the certificate should name.
        host: String,
        /// Why there is no trust.
        source: io::Error,
    },
    /// The peer is silent.
    #[error("{doing}: nothing heard in {seconds} s")]
    Silent {
        /// What was attempted.
        doing: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// A line or body without end.
    #[error("read: more than {limit} bytes without an end")]
    TooLong {
        /// The longest taken.
        limit: usize,
    },
    /// Lines come faster than any honest pool sends them.
    #[error("read: more than {limit} lines in a second")]
    Flood {
        /// The most taken.
        limit: u32,
    },
    /// Too much that makes no sense.
    #[error("read: {count} messages that make no sense, the last: {last}")]
    Nonsense {
        /// How many in a row.
        count: u32,
        /// What was wrong with the last.
        last: crate::wire::Malformed,
    },
    /// The account is not taken.
    #[error("log in: refused: {message}")]
    LoginRefused {
        /// The pool's words.
        message: String,
    },
    /// The peer has no work now.
    #[error("ask for work: refused: {message}")]
    NoWork {
        /// The peer's words.
        message: String,
    },
    /// So many shares were rejected in a row that something is wrong.
    #[error("submit: {count} shares rejected in a row")]
    Rejects {
        /// How many.
        count: u32,
    },
    /// The peer answers, but not as HTTP should.
    #[error("{doing}: HTTP status {status}")]
    Http {
        /// What was attempted.
        doing: &'static str,
        /// The status.
        status: u16,
    },
}

impl PoolError {
    /// What may help, if something is likely to.
    pub fn hint(&self) -> Option<&'static str> {
        let PoolError::Tls { source, .. } = self else { return None };
        let cause = source.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => {
                Some("a pool's own certificate or authority is trusted with --tls-ca FILE")
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                Some("this port seems to speak no TLS: try stratum+tcp:// or http://")
            }
            _ => None,
        }
    }
}

/// Why there is no mining at all.
#[derive(Debug, thiserror::Error)]
pub enum MineError {
    /// Nowhere to get work from.
    #[error("start: no pool and no node")]
    NoEndpoint,
    /// Nothing to work with.
    #[error("start: no device")]
    NoDevice,
    /// An endpoint speaks for another chain.
    #[error("start: {endpoint} speaks {found}, expected {expected}")]
    Mixed {
        /// Which.
        endpoint: String,
        /// Its chain.
        found: &'static str,
        /// The rules' chain.
        expected: &'static str,
    },
    /// The status service's address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file of certificates to trust cannot be used.
    #[error("read certificates of {}", path.display())]
    Certificates {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Threads or signal handlers cannot be had.
    #[error("start {what}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}
