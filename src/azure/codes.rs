//! Azure's error codes that change what an answer means.

/// Codes that mean that another operation holds the item (CONTRACT 10).
pub(super) const BUSY: [&str; 2] = [
    "BMSUserErrorObjectLocked",
    "BMSUserErrorConflictingProtectionOperation",
];

/// Codes that mean that Azure does not know the api-version (design 4).
pub(super) const REFUSED_VERSION: [&str; 2] =
    ["NoRegisteredProviderFound", "InvalidApiVersionParameter"];

/// Codes that mean that a role is missing.
pub(super) const MISSING_ROLE: [&str; 2] = ["AuthorizationFailed", "LinkedAuthorizationFailed"];

/// Codes of a 401 for a resource of another tenant than the token's: another token of this tenant would be as wrong.
pub(super) const WRONG_TENANT: [&str; 1] = ["InvalidAuthenticationTokenTenant"];

/// Codes of faults inside Azure, which prove nothing even under a 4xx.
pub(super) const INTERNAL: [&str; 6] = [
    "CloudInternalError",
    "CloudStorageUnexpectedError",
    "InternalError",
    "InternalServerError",
    "RestApiInternalError",
    "GatewayTimeout",
];

/// Codes that mean that the vault's resource group or subscription does not exist.
pub(super) const ABOVE_THE_VAULT: [&str; 3] = [
    "ResourceGroupNotFound",
    "SubscriptionNotFound",
    "InvalidSubscriptionId",
];

/// Codes of a 404 that mean that a resource does not exist, alone or with its resource group.
pub(super) const MISSING_RESOURCE: [&str; 3] =
    ["ResourceNotFound", "NotFound", "ResourceGroupNotFound"];

/// Whether a code is one of these, in any letter case.
pub(super) fn is_one_of(code: &str, codes: &[&str]) -> bool {
    codes.iter().any(|known| known.eq_ignore_ascii_case(code))
}
