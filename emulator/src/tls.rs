//! The emulator's own certificate authority: made once per state directory, so that clients keep their trust.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
    #[error("cannot read the certificate in {path}; remove the files there to make new ones")]
    Read { path: String },
    #[error("cannot use the certificate: {0}")]
    Use(#[from] rustls::Error),
}

/// Where the certificates of a state directory lie.
struct Files {
    ca: PathBuf,
    server: PathBuf,
    key: PathBuf,
}

/// The server side of TLS, and the file that clients need to trust it.
///
/// # Errors
/// [`TlsError`] if the state directory cannot be written, or holds files that are no certificates.
pub fn prepare(state_dir: &Path) -> Result<(Arc<ServerConfig>, PathBuf), TlsError> {
    let files = Files {
        ca: state_dir.join("ca.pem"),
        server: state_dir.join("server.pem"),
        key: state_dir.join("server-key.pem"),
    };
    if ![&files.ca, &files.server, &files.key]
        .iter()
        .all(|file| file.exists())
    {
        make(&files)?;
    }
    let unreadable = || TlsError::Read {
        path: state_dir.display().to_string(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.server)
        .and_then(Iterator::collect)
        .map_err(|_| unreadable())?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|_| unreadable())?;
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), files.ca))
}

fn make(files: &Files) -> Result<(), TlsError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name
        .push(DnType::CommonName, "azure-backup-emulator CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate()?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "azure-backup-emulator");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    let server_certificate = server.signed_by(&key, &issuer)?;

    write(&files.ca, &ca_certificate.pem(), 0o644)?;
    write(&files.server, &server_certificate.pem(), 0o644)?;
    write(&files.key, &key.serialize_pem(), 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let failed = |source| TlsError::Write {
        path: path.display().to_string(),
        source,
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
