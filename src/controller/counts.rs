//! What the Kubernetes side counts. The process implements it; a test may not care.

use std::time::Duration;

/// Receives counts.
pub trait Counts: Send + Sync {
    /// A pass over an object ended.
    fn pass(&self, result: &'static str, took: Duration);
    /// A status was written.
    fn status_written(&self);
    /// A claim was written.
    fn claimed(&self);
    /// A trigger came to this outcome.
    fn triggered(&self, outcome: &'static str);
    /// So many runs are in this phase now.
    fn runs(&self, phase: &'static str, count: usize);
}
