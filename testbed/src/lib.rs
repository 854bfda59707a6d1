//! A real Kubernetes control plane, the Azure emulator and the controller, as processes on free loopback ports.
//!
//! The demo, the integration tests and the benches start what they need from here:
//!
//! * [`ControlPlane`]: etcd and kube-apiserver with RBAC, an admin client, `kubectl`;
//! * [`Emulator`]: the Azure side, with its ledger and its faults;
//! * [`Controller`]: the controller under its own least role, which can be killed and started again;
//! * [`Testbed`]: all three, wired to each other;
//! * [`proxy`] and [`crash`]: the controller killed at every request that it makes;
//! * [`mutations`]: the protocol broken on purpose, and what notices it;
//! * [`replay`]: recorded answers of the real Azure, played to the controller;
//! * [`microsoft_clients`]: Microsoft's own Python SDK and command line against the emulator.
//!
//! Every process belongs to a [`Supervisor`], a child process that lives as long as the pipe to it is open. It stops
//! the processes in the right order whatever happens to the program that asked for them.

mod api_server;
pub mod assets;
mod bed;
mod binaries;
mod cache;
pub mod chaos;
mod control_plane;
mod controller;
pub mod crash;
pub mod demo;

mod emulator;
mod error;
mod kubeconfig;
mod kubectl;
pub mod microsoft_clients;
pub mod model;
pub mod mutations;
pub mod proxy;
pub mod replay;
mod restore_type;

mod supervise;
mod supervisor;

pub use bed::{Testbed, TestbedBuilder, VaultYaml, vault_yaml};
pub use binaries::find as find_binary;
pub use control_plane::ControlPlane;
pub use controller::{Controller, ControllerOptions};
pub use emulator::{Emulator, EmulatorOptions, Ready as EmulatorReady, Scenario};
pub use error::{TestbedError, chain};
pub use restore_type::RestoreType;
pub use supervise::{Exit, Stage, run as run_supervisor};
pub use supervisor::{Process, Supervisor};

/// Chooses `ring` as the one crypto provider of this process; may be called any number of times.
///
/// With two providers compiled in and none chosen, rustls panics at the first connection.
pub fn install_crypto_provider() {
    // An error says that a provider is installed already, which is all that is wanted here.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The repository's top folder, where `crds/`, `deploy/` and `examples/` lie.
pub fn repository() -> std::path::PathBuf {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
