//! Streams to pools and nodes: TCP, or TLS over it with the peer's certificate verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::endpoint::{Endpoint, Transport};
use crate::error::{MineError, PoolError};

/// A connection, whatever it goes through.
pub(super) trait Connection: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> Connection for S {}

/// A connection, whatever it goes through.
pub(super) type Stream = Box<dyn Connection>;

/// Makes connections; what is trusted is read once.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: TlsConnector,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// Trusts the authorities of Mozilla's list and the certificates in these files (PEM): an authority's, or
    /// that of one pool.
    ///
    /// **Errors**: [`MineError::Certificates`]: no such file, or no certificate in it.
    pub(crate) fn new(trusted: &[PathBuf]) -> Result<Connector, MineError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for path in trusted {
            add(&mut roots, path).map_err(|source| MineError::Certificates { path: path.clone(), source })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.expect("invariant: the provider has suites of both versions");
        let config = versions.with_root_certificates(roots).with_no_client_auth();
        Ok(Connector { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Connects, and shakes hands if the endpoint wants TLS.
    ///
    /// **Errors**: [`PoolError::Connection`], [`PoolError::Tls`].
    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, PoolError> {
        let host = endpoint.host();
        let stream = TcpStream::connect((host, endpoint.port())).await;
        let stream = stream.map_err(|source| PoolError::Connection { doing: "connect", source })?;
        // Messages are one small write each; an error leaves them a little slower.
        let _ = stream.set_nodelay(true);
        if endpoint.transport() == Transport::Plain {
            return Ok(Box::new(stream));
        }
        let failed = |source| PoolError::Tls { host: host.to_owned(), source };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Box::new(self.tls.connect(name, stream).await.map_err(failed)?))
    }
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    if roots.len() == before { Err("it has no certificate in PEM".into()) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// What comes of connecting to a server that takes one connection.
    fn refusal(serve: impl AsyncFnOnce(TcpStream)) -> PoolError {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("stratum+ssl://{}", listener.local_addr().unwrap()).parse().unwrap();
            let connector = Connector::new(&[]).unwrap();
            let serving = async { serve(listener.accept().await.unwrap().0).await };
            let (connected, ()) = tokio::join!(connector.connect(&endpoint), serving);
            connected.map(|_| ()).unwrap_err()
        })
    }

    #[test]
    fn a_certificate_that_nobody_vouches_for_is_named_with_what_may_help() {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = versions.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let error = refusal(async |stream| {
            // The client hangs up.
            let _ = TlsAcceptor::from(Arc::new(config)).accept(stream).await;
        });
        assert_eq!(error.to_string(), "begin TLS with 127.0.0.1");
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(reason, "invalid peer certificate: UnknownIssuer");
        assert!(error.hint().unwrap().contains("--tls-ca"), "{error:?}");
    }

    #[test]
    fn a_pool_without_tls_is_named_with_what_may_help() {
        let error = refusal(async |mut stream| {
            stream.write_all(b"{\"id\":0,\"jsonrpc\":\"2.0\",\"result\":true}\n").await.unwrap();
        });
        assert!(error.hint().unwrap().contains("stratum+tcp://"), "{error:?}");
    }

    #[test]
    fn a_pool_that_hangs_up_gets_no_advice() {
        let error = refusal(async |stream| drop(stream));
        assert!(matches!(error, PoolError::Tls { .. }) && error.hint().is_none(), "{error:?}");
    }
}
