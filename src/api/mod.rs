//! What users write and read: the custom resources of the group `azurebackup.dev`.
//!
//! * [`v1alpha1`]: the types, their documentation (it becomes `kubectl explain`) and the rules that the API server checks.
//! * [`conditions`]: condition types and the closed set of reasons.
//! * [`crd`]: the two CustomResourceDefinitions, generated from the types.
//!
//! This module imports no other module of the crate.

pub mod conditions;
pub mod crd;
pub mod v1alpha1;

pub use crd::{crd_yaml, crds};

/// API group of all resources.
pub const GROUP: &str = "azurebackup.dev";
