//! Restores Azure VMs from Azure Backup, declared as Kubernetes resources.
//!
//! # Who may import whom
//!
//! `tests/house.rs` reads this table and fails on an arrow that is not in it. `everything` means
//! every module of the table; a module may always import itself.
//!
//! | Module | What it is | May import | IO crates |
//! |---|---|---|---|
//! | `api` | what users write and read: the types of both resources, their rules and reasons | nothing | allowed |
//! | `restore` | decides; pure | nothing | refused |
//! | `azure` | the only HTTP to Azure | `restore` | allowed |
//! | `controller` | the Kubernetes side | `restore`, `api` | allowed |
//! | `process` | command line, logs, metrics, admin endpoints; knows no restore | nothing | allowed |
//! | `app` | joins them | everything | allowed |
//!
//! IO crates: `axum`, `azure_core`, `azure_identity`, `hyper`, `kube`, `reqwest`, `rustix`,
//! `rustls`, `tokio`.

pub mod api;
pub mod app;
pub mod azure;
pub mod controller;
pub mod process;
pub mod restore;
