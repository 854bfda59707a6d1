//! What an answer means. One pure table for the trigger, where a wrong guess makes a second restore, and one for reads,
//! where it only costs time (design 3, "Answers"; CONTRACT 10).
//!
//! The trigger, first row that fits:
//!
//! | What came | What it means | What follows |
//! |---|---|---|
//! | too late before the send | nothing was sent | another claim |
//! | no connection | nothing was sent | again after 15 s |
//! | time-out, connection lost after the send | **unknown** | looking decides |
//! | any 2xx | accepted, whatever its headers | the operation, if a header names it |
//! | 401 | not started | new token and at once; a second one in a row: after 40 s |
//! | 429 | not started | as told, 60 s if nothing is told |
//! | 408 | **unknown** | looking decides |
//! | 409, or a 4xx whose code says that another operation holds the item | not started, but it may be our own earlier POST | a look, then after 60 s |
//! | 400 with a code for a refused api-version | not started | next row of the version table at once; none left: gives up |
//! | 403 with `AuthorizationFailed`, `LinkedAuthorizationFailed` | not started: roles take minutes to spread | after 40 s |
//! | 4xx with a code for a fault inside Azure | **unknown** | looking decides |
//! | any other 4xx with an error code | not started: it names a fault | gives up |
//! | anything else: 1xx, 3xx, 5xx, 4xx without a code | **unknown** | looking decides |

use jiff::SignedDuration;

use super::codes::{
    ABOVE_THE_VAULT, BUSY, INTERNAL, MISSING_RESOURCE, MISSING_ROLE, REFUSED_VERSION, WRONG_TENANT,
    is_one_of,
};
use crate::restore::facts::{ErrorText, Refusal, RefusalKind, Then, TriggerOutcome, VaultError};
use crate::restore::ids::OperationId;

/// Wait for what a person must mend: short enough, jitter included, that the fix is picked up within a minute.
pub(super) const MENDABLE: SignedDuration = SignedDuration::from_secs(40);

/// Wait after a lost connection or a fault inside Azure.
const UNAVAILABLE: SignedDuration = SignedDuration::from_secs(15);

/// Wait after an answer that could not be understood.
const UNREADABLE: SignedDuration = SignedDuration::from_secs(30);

/// Wait when Azure throttles and does not say how long.
const THROTTLED: SignedDuration = SignedDuration::from_secs(60);

/// Wait while another operation holds the item.
const HELD: SignedDuration = SignedDuration::from_secs(60);

/// What came back from one send.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// No answer.
    Fault(TransportFault),
    /// An answer.
    Reply(Reply),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TransportFault {
    /// The deadline had passed before anything was sent.
    TooLate,
    /// No connection came about, so nothing was sent.
    NotConnected(String),
    /// The time ran out, or the connection broke, after something may have been sent.
    Lost(String),
}

/// The part of an answer that decides.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Code and message; the code is empty if the body names none or could not be read.
    pub error: ErrorText,
    /// How long Azure asks to wait.
    pub retry_after: Option<SignedDuration>,
    /// The operation that a header names.
    pub operation: Option<OperationId>,
    /// Whether Azure Resource Manager itself answered, not the backup service.
    pub from_gateway: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            status: 0,
            error: ours(""),
            retry_after: None,
            operation: None,
            from_gateway: false,
        }
    }
}

/// What is known besides the answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// The token was got after Azure had refused the one before.
    pub token_renewed: bool,
    /// The version table has another row.
    pub version_left: bool,
}

/// What has to be remembered for the next call, also after a trigger that is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Nothing.
    Nothing,
    /// The token is no good.
    DropToken,
    /// The api-version is refused.
    NextVersion,
    /// No call of this kind for a while.
    CloseGate(SignedDuration),
}

/// The trigger's row.
pub(super) fn trigger(seen: &Seen, known: Known) -> (TriggerOutcome, Lesson) {
    let reply = match seen {
        Seen::Fault(TransportFault::TooLate) => {
            let outcome = not_started(
                RefusalKind::TooLate,
                ours(
                    "the claim was too old, or startBy had passed, in the moment before the send; nothing was sent",
                ),
                Then::RetryAfter(SignedDuration::ZERO),
            );
            return (outcome, Lesson::Nothing);
        }
        Seen::Fault(TransportFault::NotConnected(what)) => {
            let outcome = not_started(
                RefusalKind::Unavailable,
                ours(&format!("no connection to Azure, nothing was sent: {what}")),
                Then::RetryAfter(UNAVAILABLE),
            );
            return (outcome, Lesson::Nothing);
        }
        Seen::Fault(TransportFault::Lost(what)) => {
            let what = format!("no answer came after the trigger was sent: {what}");
            return (TriggerOutcome::Unknown { what }, Lesson::Nothing);
        }
        Seen::Reply(reply) => reply,
    };
    let code = reply.error.code.as_str();
    let refused = |kind, then| not_started(kind, reply.error.clone(), then);
    match reply.status {
        200..=299 => (
            TriggerOutcome::Accepted {
                operation: reply.operation.clone(),
            },
            Lesson::Nothing,
        ),
        401 if known.token_renewed => (
            refused(RefusalKind::Authentication, Then::RetryAfter(MENDABLE)),
            Lesson::DropToken,
        ),
        401 => (
            refused(
                RefusalKind::Authentication,
                Then::RetryAfter(SignedDuration::ZERO),
            ),
            Lesson::DropToken,
        ),
        429 => {
            let wait = reply.retry_after.unwrap_or(THROTTLED);
            (
                refused(RefusalKind::Throttled, Then::RetryAfter(wait)),
                Lesson::CloseGate(wait),
            )
        }
        408 => unknown(reply),
        409 => (
            refused(RefusalKind::Busy, Then::LookThenRetryAfter(busy(reply))),
            Lesson::Nothing,
        ),
        400..=499 if is_one_of(code, &BUSY) => (
            refused(RefusalKind::Busy, Then::LookThenRetryAfter(busy(reply))),
            Lesson::Nothing,
        ),
        400 if is_one_of(code, &REFUSED_VERSION) && known.version_left => (
            refused(
                RefusalKind::ApiVersion,
                Then::RetryAfter(SignedDuration::ZERO),
            ),
            Lesson::NextVersion,
        ),
        400 if is_one_of(code, &REFUSED_VERSION) => (
            refused(RefusalKind::ApiVersion, Then::GiveUp),
            Lesson::Nothing,
        ),
        403 if is_one_of(code, &MISSING_ROLE) => (
            refused(RefusalKind::Permission, Then::RetryAfter(MENDABLE)),
            Lesson::Nothing,
        ),
        400..=499 if code.is_empty() || is_one_of(code, &INTERNAL) => unknown(reply),
        400..=499 => {
            let kind = match reply.status {
                403 => RefusalKind::Permission,
                404 if names_the_vault(reply) => RefusalKind::VaultNotFound,
                404 => RefusalKind::NotFound,
                _ => RefusalKind::BadRequest,
            };
            (refused(kind, Then::GiveUp), Lesson::Nothing)
        }
        _ => unknown(reply),
    }
}

/// A trigger that was not even tried, because a preparation failed: no token, or our own gate is closed.
pub(super) fn not_tried(why: VaultError) -> TriggerOutcome {
    not_started(why.kind, why.error, Then::RetryAfter(why.retry_after))
}

/// What a read's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadVerdict {
    /// Decode the body.
    Body,
    /// Azure has no such thing.
    Absent,
    /// Learn the lesson and ask once more: a read may be repeated.
    Again,
    /// Come back later.
    Failed(VaultError),
}

/// What a 404 (or 400) on this read means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// The vault is missing: the path names nothing below it that could be.
    OfVault,
    /// A 404 means that the thing is missing.
    OnNotFound,
    /// A 400 means it too: the vault-level path of an operation answers so.
    OnNotFoundOrBadRequest,
    /// Nothing of the vault is asked, and only a 404 with a code for it means that the resource is missing.
    OfResource,
}

/// The row of a read.
pub(super) fn read(seen: &Seen, absence: Absence, known: Known) -> (ReadVerdict, Lesson) {
    let reply = match seen {
        Seen::Fault(TransportFault::NotConnected(what) | TransportFault::Lost(what)) => {
            let error = ours(&format!("no answer from Azure: {what}"));
            return (
                failed(RefusalKind::Unavailable, error, UNAVAILABLE),
                Lesson::Nothing,
            );
        }
        Seen::Fault(TransportFault::TooLate) => {
            let error = ours("the deadline had passed before the request was sent");
            return (
                failed(RefusalKind::TooLate, error, SignedDuration::ZERO),
                Lesson::Nothing,
            );
        }
        Seen::Reply(reply) => reply,
    };
    let code = reply.error.code.as_str();
    let error = || told(reply);
    let mendable = |kind| (failed(kind, error(), MENDABLE), Lesson::Nothing);
    let at_least = |wait: SignedDuration| reply.retry_after.map_or(wait, |asked| asked.max(wait));
    match reply.status {
        200..=299 => (ReadVerdict::Body, Lesson::Nothing),
        401 if is_one_of(code, &WRONG_TENANT) => mendable(RefusalKind::Authentication),
        401 if known.token_renewed => (
            failed(RefusalKind::Authentication, error(), MENDABLE),
            Lesson::DropToken,
        ),
        401 => (ReadVerdict::Again, Lesson::DropToken),
        400 if is_one_of(code, &REFUSED_VERSION) && known.version_left => {
            (ReadVerdict::Again, Lesson::NextVersion)
        }
        400 if is_one_of(code, &REFUSED_VERSION) => mendable(RefusalKind::ApiVersion),
        403 => mendable(RefusalKind::Permission),
        404 if absence == Absence::OfResource && !is_one_of(code, &MISSING_RESOURCE) => {
            mendable(RefusalKind::NotFound)
        }
        404 if absence == Absence::OfResource => (ReadVerdict::Absent, Lesson::Nothing),
        404 if absence == Absence::OfVault || names_the_vault(reply) => {
            mendable(RefusalKind::VaultNotFound)
        }
        404 => (ReadVerdict::Absent, Lesson::Nothing),
        400 if absence == Absence::OnNotFoundOrBadRequest
            || (absence == Absence::OnNotFound && code.contains("NotFound")) =>
        {
            (ReadVerdict::Absent, Lesson::Nothing)
        }
        429 => {
            let wait = reply.retry_after.unwrap_or(THROTTLED);
            (
                failed(RefusalKind::Throttled, error(), wait),
                Lesson::CloseGate(wait),
            )
        }
        503 if reply.retry_after.is_some() => {
            let wait = at_least(UNAVAILABLE);
            (
                failed(RefusalKind::Unavailable, error(), wait),
                Lesson::CloseGate(wait),
            )
        }
        409 => (
            failed(RefusalKind::Busy, error(), at_least(UNREADABLE)),
            Lesson::Nothing,
        ),
        408 | 500..=599 => (
            failed(RefusalKind::Unavailable, error(), at_least(UNAVAILABLE)),
            Lesson::Nothing,
        ),
        400..=499 if is_one_of(code, &INTERNAL) => (
            failed(RefusalKind::Unavailable, error(), at_least(UNAVAILABLE)),
            Lesson::Nothing,
        ),
        400..=499 => (
            failed(RefusalKind::BadRequest, error(), at_least(MENDABLE)),
            Lesson::Nothing,
        ),
        _ => (
            failed(RefusalKind::Unreadable, error(), at_least(UNREADABLE)),
            Lesson::Nothing,
        ),
    }
}

/// A 2xx whose body is not what it should be.
pub(super) fn unreadable(what: &str) -> VaultError {
    VaultError {
        kind: RefusalKind::Unreadable,
        error: ours(what),
        retry_after: UNREADABLE,
    }
}

/// Text of ours, without a code.
pub(super) fn ours(message: &str) -> ErrorText {
    ErrorText {
        code: String::new(),
        message: message.to_owned(),
    }
}

fn not_started(kind: RefusalKind, error: ErrorText, then: Then) -> TriggerOutcome {
    TriggerOutcome::NotStarted(Refusal { kind, error, then })
}

fn unknown(reply: &Reply) -> (TriggerOutcome, Lesson) {
    let error = told(reply);
    let what = match error.code.as_str() {
        "" => format!(
            "HTTP {} without an error code: {}",
            reply.status, error.message
        ),
        code => format!("HTTP {} {code}: {}", reply.status, error.message),
    };
    (TriggerOutcome::Unknown { what }, Lesson::Nothing)
}

fn failed(kind: RefusalKind, error: ErrorText, retry_after: SignedDuration) -> ReadVerdict {
    ReadVerdict::Failed(VaultError {
        kind,
        error,
        retry_after,
    })
}

fn busy(reply: &Reply) -> SignedDuration {
    reply.retry_after.map_or(HELD, |asked| asked.max(HELD))
}

/// Azure's words, or the status if it had none.
fn told(reply: &Reply) -> ErrorText {
    if reply.error.code.is_empty() && reply.error.message.is_empty() {
        return ours(&format!("HTTP {} with an empty answer", reply.status));
    }
    reply.error.clone()
}

/// Whether a 404 is about the vault, its group or its subscription, and not about something below the vault.
fn names_the_vault(reply: &Reply) -> bool {
    if is_one_of(&reply.error.code, &ABOVE_THE_VAULT) {
        return true;
    }
    if !reply.error.code.eq_ignore_ascii_case("ResourceNotFound") {
        return false;
    }
    let message = reply.error.message.to_ascii_lowercase();
    match message.split_once("recoveryservices/vaults/") {
        Some((_, rest)) => {
            let end = rest.find(['\'', '"', ' ', ',']).unwrap_or(rest.len());
            !rest[..end].contains('/')
        }
        None => reply.from_gateway,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, code: &str) -> Reply {
        Reply {
            status,
            error: ErrorText {
                code: code.to_owned(),
                message: "m".to_owned(),
            },
            ..Reply::default()
        }
    }

    /// Shorthand for a row's outcome.
    #[derive(Debug, PartialEq)]
    enum Row {
        Accepted,
        Unknown,
        GiveUp(RefusalKind),
        Retry(RefusalKind, i64),
        Look(i64),
    }

    fn row(outcome: TriggerOutcome) -> Row {
        match outcome {
            TriggerOutcome::Accepted { .. } => Row::Accepted,
            TriggerOutcome::Unknown { .. } => Row::Unknown,
            TriggerOutcome::NotStarted(Refusal { kind, then, .. }) => match then {
                Then::GiveUp => Row::GiveUp(kind),
                Then::RetryAfter(wait) => Row::Retry(kind, wait.as_secs()),
                Then::LookThenRetryAfter(wait) => Row::Look(wait.as_secs()),
            },
        }
    }

    #[test]
    fn every_row_of_the_trigger_table() {
        use RefusalKind::*;
        for (status, code, expected) in [
            (200, "", Row::Accepted),
            (202, "", Row::Accepted),
            (204, "", Row::Accepted),
            (299, "", Row::Accepted),
            (202, "BMSUserErrorInvalidInput", Row::Accepted),
            (401, "", Row::Retry(Authentication, 0)),
            (
                401,
                "ExpiredAuthenticationToken",
                Row::Retry(Authentication, 0),
            ),
            (429, "", Row::Retry(Throttled, 60)),
            (429, "ResourceRequestsThrottled", Row::Retry(Throttled, 60)),
            (408, "", Row::Unknown),
            (408, "RequestTimeout", Row::Unknown),
            (409, "", Row::Look(60)),
            (409, "Conflict", Row::Look(60)),
            (409, "BMSUserErrorObjectLocked", Row::Look(60)),
            (400, "BMSUserErrorObjectLocked", Row::Look(60)),
            (
                400,
                "bmsusererrorconflictingprotectionoperation",
                Row::Look(60),
            ),
            (400, "NoRegisteredProviderFound", Row::Retry(ApiVersion, 0)),
            (400, "InvalidApiVersionParameter", Row::Retry(ApiVersion, 0)),
            (403, "AuthorizationFailed", Row::Retry(Permission, 40)),
            (403, "LinkedAuthorizationFailed", Row::Retry(Permission, 40)),
            (403, "RequestDisallowedByPolicy", Row::GiveUp(Permission)),
            (403, "", Row::Unknown),
            (400, "BMSUserErrorInvalidInput", Row::GiveUp(BadRequest)),
            (400, "CloudInvalidInputError", Row::GiveUp(BadRequest)),
            (400, "CloudInternalError", Row::Unknown),
            (400, "", Row::Unknown),
            (404, "ResourceGroupNotFound", Row::GiveUp(VaultNotFound)),
            (
                404,
                "BMSUserErrorRecoveryPointNotFound",
                Row::GiveUp(NotFound),
            ),
            (404, "", Row::Unknown),
            (405, "MethodNotAllowed", Row::GiveUp(BadRequest)),
            (100, "", Row::Unknown),
            (301, "", Row::Unknown),
            (307, "X", Row::Unknown),
            (500, "", Row::Unknown),
            (500, "BMSUserErrorInvalidInput", Row::Unknown),
            (502, "InvalidGatewayHost", Row::Unknown),
            (503, "ServerBusy", Row::Unknown),
            (504, "GatewayTimeout", Row::Unknown),
            (600, "", Row::Unknown),
        ] {
            let known = Known {
                token_renewed: false,
                version_left: true,
            };
            let (outcome, _) = trigger(&Seen::Reply(reply(status, code)), known);

            assert_eq!(row(outcome), expected, "{status} {code}");
        }
    }

    #[test]
    fn faults_before_the_send_start_nothing_and_those_after_are_unknown() {
        for (fault, expected) in [
            (TransportFault::TooLate, Row::Retry(RefusalKind::TooLate, 0)),
            (
                TransportFault::NotConnected("refused".to_owned()),
                Row::Retry(RefusalKind::Unavailable, 15),
            ),
            (TransportFault::Lost("time-out".to_owned()), Row::Unknown),
        ] {
            let (outcome, lesson) = trigger(&Seen::Fault(fault), Known::default());

            assert_eq!(row(outcome), expected);
            assert_eq!(lesson, Lesson::Nothing);
        }
    }

    #[test]
    fn what_is_known_changes_the_row() {
        let renewed = Known {
            token_renewed: true,
            version_left: false,
        };

        let (second_401, lesson) = trigger(&Seen::Reply(reply(401, "")), renewed);
        let (last_version, _) = trigger(
            &Seen::Reply(reply(400, "NoRegisteredProviderFound")),
            renewed,
        );

        assert_eq!(row(second_401), Row::Retry(RefusalKind::Authentication, 40));
        assert_eq!(lesson, Lesson::DropToken);
        assert_eq!(row(last_version), Row::GiveUp(RefusalKind::ApiVersion));
    }

    #[test]
    fn no_wait_is_shorter_than_azure_asked() {
        for asked in [1, 17, 324, 86_400] {
            let asked = SignedDuration::from_secs(asked);
            let mut throttled = reply(429, "X");
            throttled.retry_after = Some(asked);
            let mut locked = reply(409, "X");
            locked.retry_after = Some(asked);
            let mut down = reply(503, "X");
            down.retry_after = Some(asked);

            let (outcome, lesson) = trigger(&Seen::Reply(throttled.clone()), Known::default());
            assert_eq!(
                row(outcome),
                Row::Retry(RefusalKind::Throttled, asked.as_secs())
            );
            assert_eq!(lesson, Lesson::CloseGate(asked));
            let Row::Look(wait) = row(trigger(&Seen::Reply(locked), Known::default()).0) else {
                panic!()
            };
            assert!(wait >= asked.as_secs());
            for reply in [throttled, down] {
                let (verdict, lesson) =
                    read(&Seen::Reply(reply), Absence::OfVault, Known::default());
                let ReadVerdict::Failed(error) = verdict else {
                    panic!()
                };
                assert!(error.retry_after >= asked);
                assert!(matches!(lesson, Lesson::CloseGate(wait) if wait >= asked));
            }
        }
    }

    #[test]
    fn every_row_of_the_read_table() {
        use RefusalKind::*;
        let verdict = |status, code: &str, absence| {
            let known = Known {
                token_renewed: false,
                version_left: true,
            };
            match read(&Seen::Reply(reply(status, code)), absence, known) {
                (ReadVerdict::Body, _) => "body".to_owned(),
                (ReadVerdict::Absent, _) => "absent".to_owned(),
                (ReadVerdict::Again, lesson) => format!("again {lesson:?}"),
                (ReadVerdict::Failed(error), _) => {
                    format!("{:?} {}", error.kind, error.retry_after.as_secs())
                }
            }
        };
        for (status, code, absence, expected) in [
            (200, "", Absence::OfVault, "body".to_owned()),
            (401, "", Absence::OfVault, "again DropToken".to_owned()),
            (
                400,
                "InvalidApiVersionParameter",
                Absence::OfVault,
                "again NextVersion".to_owned(),
            ),
            (
                403,
                "AuthorizationFailed",
                Absence::OfVault,
                format!("{Permission:?} 40"),
            ),
            (403, "", Absence::OfVault, format!("{Permission:?} 40")),
            (404, "", Absence::OfVault, format!("{VaultNotFound:?} 40")),
            (
                404,
                "ResourceGroupNotFound",
                Absence::OnNotFound,
                format!("{VaultNotFound:?} 40"),
            ),
            (404, "JobNotFound", Absence::OnNotFound, "absent".to_owned()),
            (
                404,
                "",
                Absence::OnNotFoundOrBadRequest,
                "absent".to_owned(),
            ),
            (
                400,
                "",
                Absence::OnNotFoundOrBadRequest,
                "absent".to_owned(),
            ),
            (
                400,
                "BMSUserErrorJobNotFound",
                Absence::OnNotFound,
                "absent".to_owned(),
            ),
            (
                400,
                "BMSUserErrorInvalidInput",
                Absence::OnNotFound,
                format!("{BadRequest:?} 40"),
            ),
            (429, "", Absence::OfVault, format!("{Throttled:?} 60")),
            (408, "", Absence::OfVault, format!("{Unavailable:?} 15")),
            (
                500,
                "RestApiInternalError",
                Absence::OfVault,
                format!("{Unavailable:?} 15"),
            ),
            (
                504,
                "GatewayTimeout",
                Absence::OfVault,
                format!("{Unavailable:?} 15"),
            ),
            (409, "", Absence::OfVault, format!("{Busy:?} 30")),
            (302, "", Absence::OfVault, format!("{Unreadable:?} 30")),
            (405, "X", Absence::OfVault, format!("{BadRequest:?} 40")),
        ] {
            assert_eq!(
                verdict(status, code, absence),
                expected,
                "{status} {code} {absence:?}"
            );
        }
    }

    #[test]
    fn a_missing_vault_is_told_from_a_missing_job() {
        for (message, from_gateway, expected) in [
            (
                "The Resource 'Microsoft.RecoveryServices/vaults/v' under resource group 'g' was not found.",
                true,
                true,
            ),
            (
                "The Resource 'Microsoft.RecoveryServices/vaults/v/backupJobs/j' was not found.",
                true,
                false,
            ),
            ("no such thing", false, false),
            ("no such thing", true, true),
        ] {
            let reply = Reply {
                status: 404,
                error: ErrorText {
                    code: "ResourceNotFound".to_owned(),
                    message: message.to_owned(),
                },
                from_gateway,
                ..Reply::default()
            };
            assert_eq!(names_the_vault(&reply), expected, "{message}");
        }
    }
}
