//! One restore: request, operation, job, effects.

mod jobs;
mod requests;

const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";
