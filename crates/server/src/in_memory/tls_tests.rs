//! A connection under TLS whose keys have encrypted as much as is safe, without a socket.

use std::io::{Read, Write};

use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS12;
use rustls::{
    ClientConnection, ServerConfig, ServerConnection, SupportedCipherSuite, Tls12CipherSuite,
};
use slabcore_metrics::Counter;
use slabcore_testkit::tls_files::{SERVER_NAME, TlsFiles};

use super::*;
use crate::connection::tls_session::TlsSession;

/// Records that the keys of the test may encrypt. With AES-GCM it would be 2^24.
const RECORDS_MAX: u64 = 256;

/// A suite of TLS 1.2 whose keys wear out sooner.
fn short_lived_suite() -> SupportedCipherSuite {
    let suite = cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let SupportedCipherSuite::Tls12(real) = suite else { unreachable!("it is one of TLS 1.2") };
    let common = CipherSuiteCommon {
        suite: real.common.suite,
        hash_provider: real.common.hash_provider,
        confidentiality_limit: RECORDS_MAX,
    };
    let (prf_provider, kx, sign, aead_alg) = (real.prf_provider, real.kx, real.sign, real.aead_alg);
    let suite = Tls12CipherSuite { common, prf_provider, kx, sign, aead_alg };
    SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
}

/// Both ends of a session of TLS 1.2 whose handshake is done.
fn session() -> (ClientConnection, ServerConnection) {
    let files = TlsFiles::new();
    let provider =
        Arc::new(CryptoProvider { cipher_suites: vec![short_lived_suite()], ..default_provider() });
    let chain = CertificateDer::from_pem_file(files.path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.path("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let mut client = ClientConnection::new(files.old_client(), name).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut &bytes[..]).unwrap();
        server.process_new_packets().unwrap();
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets().unwrap();
    }
    (client, server)
}

/// The session took replies without encrypting them, and further requests were executed: the client
/// waited for ever, and its changes took place.
#[test]
fn a_session_whose_keys_are_worn_out_ends_once_all_is_answered() {
    let (mut client, session) = session();
    let mut server = InMemoryServer::new(1, 64 << 20, 1).unwrap();
    server.shared.admission.connection_opened();
    let shard = &mut server.shards[0];
    let tls = Some(Box::new(TlsSession::new(session)));
    let id = shard.hub.insert(NewConnection {
        addresses: Addresses::UNNAMED,
        number: None,
        protocol: Protocol::Auto,
        tls,
    });
    shard.connections.push(MemoryConnection { id, closed: false });
    let connection = InMemoryConnection { shard: 0, id };
    let mut said = Vec::new();
    let mut asked = 0;
    while server.is_open(connection) {
        assert!(asked < 2 * RECORDS_MAX, "it goes on");
        client.writer().write_all(b"incr number 1\r\n").unwrap();
        asked += 1;
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.receive(connection, &sent);
        server.turn(|_, bytes| {
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets().unwrap();
        });
        // An end without `close_notify` would be an error.
        while client.reader().read(&mut [0; 4096]).is_ok_and(|bytes| {
            said.push(bytes);
            bytes > 0
        }) {}
    }
    let executed = server.shared.metrics[0].snapshot().get(Counter::IncrMisses);
    let replies: usize = said.iter().sum();
    assert_eq!(replies, executed as usize * b"NOT_FOUND\r\n".len());
    assert!(executed > RECORDS_MAX / 2 && executed < RECORDS_MAX);
    assert!(client.process_new_packets().unwrap().peer_has_closed(), "the end is said");
}
