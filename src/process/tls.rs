//! The one crypto provider of the process.

/// Makes `ring` the crypto provider of every TLS connection; the first line of `main` and of tests
/// that speak TLS. Calling it again changes nothing.
///
/// The dependency tree could bring a second provider at any update, and rustls panics at the first
/// handshake when there are two and none was chosen.
pub fn install_provider() {
    // Err means that a provider is installed already, which is what the caller wants.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_is_harmless() {
        install_provider();
        install_provider();

        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
