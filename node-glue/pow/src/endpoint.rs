//! Where work comes from.

use std::fmt;
use std::str::FromStr;

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// As they are, over TCP.
    Plain,
    /// Encrypted, the peer's certificate verified.
    Tls,
}

/// A pool's or node's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `stratum+tcp://host:port` or `stratum+ssl://host:port`: lines in the dialect of the chain.
    Stratum {
        /// How bytes travel.
        transport: Transport,
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `http://host:port/path` or `https://host:port/path`: a Cortex node's JSON-RPC, polled.
    Node {
        /// How bytes travel.
        transport: Transport,
        /// Name or address.
        host: String,
        /// TCP port; 80 if not said, with TLS 443.
        port: u16,
        /// With its slash.
        path: String,
    },
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing we speak.
    #[error("read address {text:?}: expected stratum+tcp:// or stratum+ssl://host:port, http:// or https://host:port")]
    Scheme {
        /// The whole.
        text: String,
    },
    /// Host or port.
    #[error("read address {text:?}: expected a host, a colon and a port from 1 to 65535")]
    Authority {
        /// The whole.
        text: String,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let whole = || text.to_owned();
        let Some((scheme, rest)) = text.split_once("://") else { return Err(EndpointError::Scheme { text: whole() }) };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let wrong = || EndpointError::Authority { text: whole() };
        let (is_node, transport) = match scheme {
            "stratum+tcp" | "tcp" | "stratum" => (false, Transport::Plain),
            "stratum+ssl" | "stratum+tls" | "ssl" | "tls" => (false, Transport::Tls),
            "http" => (true, Transport::Plain),
            "https" => (true, Transport::Tls),
            _ => return Err(EndpointError::Scheme { text: whole() }),
        };
        if is_node {
            let default = if transport == Transport::Tls { 443 } else { 80 };
            let (host, port) = host_and_port(authority, Some(default)).ok_or_else(wrong)?;
            let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
            let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
            return if printable { Ok(Endpoint::Node { transport, host, port, path }) } else { Err(wrong()) };
        }
        let (host, port) = host_and_port(authority, None).filter(|_| matches!(path, "" | "/")).ok_or_else(wrong)?;
        Ok(Endpoint::Stratum { transport, host, port })
    }
}

/// `host:port`, `[v6]:port`; the host's letters are those of names and addresses.
fn host_and_port(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("")),
        },
    };
    let port = match port? {
        "" => default?,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().filter(|&port| port != 0)?,
        _ => return None,
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (!host.is_empty() && host.len() <= 255 && host.bytes().all(legal)).then(|| (host.to_owned(), port))
}

impl Endpoint {
    /// The name or address to connect to.
    pub fn host(&self) -> &str {
        match self {
            Endpoint::Stratum { host, .. } | Endpoint::Node { host, .. } => host,
        }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        match self {
            Endpoint::Stratum { port, .. } | Endpoint::Node { port, .. } => *port,
        }
    }

    /// How bytes travel.
    pub fn transport(&self) -> Transport {
        match self {
            Endpoint::Stratum { transport, .. } | Endpoint::Node { transport, .. } => *transport,
        }
    }

    /// Host and port as a URL has them.
    pub fn authority(&self) -> String {
        let (host, port) = (self.host(), self.port());
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match (self, self.transport()) {
            (Endpoint::Stratum { .. }, Transport::Plain) => ("stratum+tcp", ""),
            (Endpoint::Stratum { .. }, Transport::Tls) => ("stratum+ssl", ""),
            (Endpoint::Node { path, .. }, Transport::Plain) => ("http", path.as_str()),
            (Endpoint::Node { path, .. }, Transport::Tls) => ("https", path.as_str()),
        };
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "stratum+tcp://pool.example:8008",
            "stratum+tcp://[::1]:3416",
            "stratum+ssl://pool.example:443",
            "http://127.0.0.1:8545/",
            "https://node.example:8545/rpc",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("http://node".parse::<Endpoint>().unwrap().to_string(), "http://node:80/");
        assert_eq!("https://node".parse::<Endpoint>().unwrap().to_string(), "https://node:443/");
        for text in ["ssl://pool:1", "tls://pool:1", "stratum+tls://pool:1/"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), "stratum+ssl://pool:1");
        }
        assert_eq!("tcp://pool:1".parse::<Endpoint>().unwrap().to_string(), "stratum+tcp://pool:1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "pool:80",
            "stratum+tcp://",
            "stratum+tcp://pool",
            "stratum+tcp://pool:0",
            "stratum+tcp://pool:65536",
            "stratum+tcp://pool:+1",
            "stratum+tcp://pool:1/x",
            "stratum+tcp://:1",
            "stratum+tcp://[::1",
            "udp://a:1",
            "http://a b:1",
            "http://a:1/ x",
            "http://a\r\nb:1/",
            "stratum+tcp://[x]:1",
            "stratum+tcp://[::1]x:1",
            "stratum+ssl://pool",
            "https://:1/",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
