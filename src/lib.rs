//! Restores Azure VMs from Azure Backup, declared as Kubernetes resources.

pub mod azure;
pub mod restore;
