//! Which failures Azure calls transient, as data (CONTRACT 10).

/// Codes of operations and jobs after which the same request may work. Job errors carry the code name as their title.
const TRANSIENT: [&str; 7] = [
    "CloudInternalError",
    "CloudStorageUnexpectedError",
    "InternalServerError",
    "RestApiInternalError",
    "RestoreOperationFailed",
    "ServiceUnavailable",
    "GatewayTimeout",
];

/// Whether a new attempt may follow this failure. Anything that is not on the list is final: most codes name something
/// that a user must mend, and a new attempt costs an hour of restore.
pub fn is_transient(code: &str) -> bool {
    TRANSIENT
        .iter()
        .any(|known| known.eq_ignore_ascii_case(code))
}

/// The highest attempt that a run makes by itself.
pub fn last_attempt(retry_limit: u8) -> u8 {
    retry_limit.saturating_add(1).min(super::ids::MAX_ATTEMPTS)
}
