//! What etcd, kube-apiserver and kube-controller-manager are started with: ports, keys, certificates, flags.

use crate::kubeconfig::write_private;
use crate::supervise::ProcessSpec;
use crate::{Stage, TestbedError, assets};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

/// Ports that were free a moment ago. All are held while they are chosen, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], TestbedError> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener =
            TcpListener::bind("127.0.0.1:0").map_err(TestbedError::io("find a free port"))?;
        *port = listener
            .local_addr()
            .map_err(TestbedError::io("find a free port"))?
            .port();
        held.push(listener);
    }
    Ok(ports)
}

/// Writes the CA, the server's certificate, the key that signs ServiceAccount tokens, and the admin's token.
/// Returns the CA in PEM.
pub(crate) fn write_credentials(folder: &Path, admin_token: &str) -> Result<String, TestbedError> {
    let failed =
        |error: rcgen::Error| TestbedError::Unreadable(format!("make a certificate: {error}"));
    let mut ca = rcgen::CertificateParams::new(Vec::new()).map_err(failed)?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name
        .push(rcgen::DnType::CommonName, "vmrestore testbed CA");
    let ca = rcgen::CertifiedIssuer::self_signed(ca, rcgen::KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;
    let server_key = rcgen::KeyPair::generate().map_err(failed)?;
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
    let mut server = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    server
        .distinguished_name
        .push(rcgen::DnType::CommonName, "kube-apiserver");
    let server = server.signed_by(&server_key, &ca).map_err(failed)?;
    let account_key = rcgen::KeyPair::generate().map_err(failed)?;

    let ca_pem = ca.as_ref().pem();
    write_private(&folder.join("ca.crt"), &ca_pem)?;
    write_private(&folder.join("apiserver.crt"), &server.pem())?;
    write_private(&folder.join("apiserver.key"), &server_key.serialize_pem())?;
    write_private(&folder.join("sa.key"), &account_key.serialize_pem())?;
    write_private(&folder.join("sa.pub"), &account_key.public_key_pem())?;
    write_private(
        &folder.join("tokens.csv"),
        &format!("{admin_token},admin,admin,system:masters\n"),
    )?;
    Ok(ca_pem)
}

/// etcd without its wait for the disk: nothing of a testbed has to survive a power cut.
pub(crate) fn etcd(
    folder: &Path,
    attempt: u32,
    port: u16,
    peer_port: u16,
) -> Result<ProcessSpec, TestbedError> {
    let url = format!("http://127.0.0.1:{port}");
    let args = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    Ok(ProcessSpec {
        name: format!("etcd-{attempt}"),
        stage: Stage::Etcd,
        program: assets::binary("etcd")?,
        args: args.to_vec(),
        env: BTreeMap::new(),
        log: folder.join("etcd.log"),
    })
}

/// kube-apiserver with roles and tokens, and with no cluster behind it.
pub(crate) fn api_server(
    folder: &Path,
    attempt: u32,
    etcd_port: u16,
    port: u16,
) -> Result<ProcessSpec, TestbedError> {
    let file = |name: &str| folder.join(name).display().to_string();
    let args = [
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", file("certs")),
        format!("--tls-cert-file={}", file("apiserver.crt")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!("--service-account-key-file={}", file("sa.pub")),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--shutdown-delay-duration=0s".to_owned(),
    ];
    Ok(ProcessSpec {
        name: format!("kube-apiserver-{attempt}"),
        stage: Stage::ApiServer,
        program: assets::binary("kube-apiserver")?,
        args: args.to_vec(),
        env: BTreeMap::new(),
        log: folder.join("kube-apiserver.log"),
    })
}

/// kube-controller-manager with its namespace controller alone: there are no nodes, and nothing else has to happen by
/// itself.
pub(crate) fn controller_manager(
    folder: &Path,
    kubeconfig: &Path,
) -> Result<ProcessSpec, TestbedError> {
    let args = [
        format!("--kubeconfig={}", kubeconfig.display()),
        "--controllers=namespace-controller".to_owned(),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
    ];
    Ok(ProcessSpec {
        name: assets::CONTROLLER_MANAGER.to_owned(),
        stage: Stage::ControllerManager,
        program: assets::binary(assets::CONTROLLER_MANAGER)?,
        args: args.to_vec(),
        env: BTreeMap::new(),
        log: folder.join("kube-controller-manager.log"),
    })
}
