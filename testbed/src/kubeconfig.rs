//! The kubeconfig files that the testbed writes.

use crate::TestbedError;
use std::path::Path;

/// Whom a kubeconfig speaks for, and to which server.
pub(crate) struct Access<'a> {
    pub url: &'a str,
    pub ca_file: &'a Path,
    pub user: &'a str,
    pub token: &'a str,
    pub namespace: &'a str,
}

/// Writes a kubeconfig that only its owner can read.
pub(crate) fn write(path: &Path, access: &Access<'_>) -> Result<(), TestbedError> {
    let Access {
        url,
        ca_file,
        user,
        token,
        namespace,
    } = access;
    let ca_file = ca_file.display();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: testbed\n\
         clusters:\n- name: testbed\n  cluster:\n    server: {url}\n    certificate-authority: {ca_file}\n\
         users:\n- name: {user}\n  user:\n    token: {token}\n\
         contexts:\n- name: testbed\n  context:\n    cluster: testbed\n    user: {user}\n    namespace: {namespace}\n"
    );
    write_private(path, &text)
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), TestbedError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(TestbedError::io(format!("write {}", path.display())))
}
