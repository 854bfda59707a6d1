//! The way of a request through the emulator: counted, perhaps spoilt by a fault, identified, throttled, allowed, answered.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Response, StatusCode};
use hyper::body::Frame;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answers::Answers;
use crate::azure::{self, Context};
use crate::clock::Clock;
use crate::faults::{Action, Faults, When};
use crate::http::{Call, Reply};
use crate::ledger::{Caused, Ledger, Note};
use crate::operation::{self, Names, Operation};
use crate::scenario::Scenario;
use crate::throttle::{Asked, Remaining, Throttle};
use crate::token::{self, Caller, Tokens, Unauthorized};
use crate::wire::{gateway_error, http_date, time};
use crate::world::World;
use crate::{access, admin};

/// How long a cut answer stays open, so that what there is of it arrives.
const TIME_TO_SEND: Duration = Duration::from_millis(50);

/// Everything that requests share.
pub struct Gateway {
    pub clock: Clock,
    pub ledger: Ledger,
    pub faults: Faults,
    pub tokens: Tokens,
    answers: Option<Answers>,
    throttle: Throttle,
    world: Mutex<World>,
}

/// What one request came to, before faults.
struct Handled {
    reply: Reply,
    principal: Option<String>,
    caused: Option<Caused>,
    remaining: Option<Remaining>,
}

impl Gateway {
    pub fn new(scenario: Scenario, clock: Clock, answers: Option<Answers>) -> Self {
        Self {
            clock,
            ledger: Ledger::default(),
            faults: Faults::default(),
            tokens: Tokens::default(),
            answers,
            throttle: Throttle::default(),
            world: Mutex::new(World::new(scenario)),
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request; nothing means that the connection is to be closed without an answer.
    pub async fn handle(&self, call: Call) -> Option<Response<Body>> {
        if call
            .segments
            .first()
            .is_some_and(|segment| segment == "_emulator")
        {
            return Some(admin::answer(self, &call).into_response());
        }
        let (operation, names) = operation::of(&call.method, &call.segments);
        self.ledger.count(operation);
        let fault = self.faults.decide(&call, operation);
        let before = fault
            .as_ref()
            .filter(|fault| fault.when == When::BeforeEffect);
        if let Some(fault) = before {
            self.wait(fault).await;
            if fault.reset || fault.answer.is_some() {
                return self.stopped(&call, operation, fault);
            }
        }
        let ordered = fault.as_ref().and_then(|fault| fault.restore.as_ref());
        let handled = self.answer(&call, (operation, &names), ordered);
        let mut reply = handled.reply;
        if let Some(answers) = &self.answers {
            answers.keep(&call, operation, &reply);
        }
        let spoilt = fault.as_ref().map(describe);
        tracing::debug!(
            operation = operation.name(),
            path = call.path(),
            status = reply.status.as_u16(),
            fault = spoilt,
            "answered"
        );
        self.ledger.note(
            &call,
            operation,
            Note {
                time: time(self.clock.now()),
                principal: handled.principal,
                caused: handled.caused,
                status: Some(reply.status.as_u16()),
                fault: spoilt,
            },
        );
        if let Some(remaining) = handled.remaining {
            remaining.write(&mut reply);
        }
        self.add_common_headers(&call, &mut reply);
        let Some(fault) = fault else {
            return Some(reply.into_response());
        };
        if fault.when == When::AfterEffect {
            self.wait(&fault).await;
            if fault.reset {
                return None;
            }
            if let Some(answer) = &fault.answer {
                reply = answer.reply(self.clock.now());
                self.add_common_headers(&call, &mut reply);
            }
        }
        fault.spoil(&mut reply);
        Some(match fault.truncate_body {
            Some(length) => truncated(reply, length),
            None => reply.into_response(),
        })
    }

    /// A request that a fault keeps from having any effect.
    fn stopped(&self, call: &Call, operation: Operation, fault: &Action) -> Option<Response<Body>> {
        let note = Note {
            time: time(self.clock.now()),
            fault: Some(describe(fault)),
            ..Note::default()
        };
        self.ledger.note(call, operation, note);
        let mut reply = fault.answer.as_ref()?.reply(self.clock.now());
        self.add_common_headers(call, &mut reply);
        fault.spoil(&mut reply);
        (!fault.reset).then(|| reply.into_response())
    }

    async fn wait(&self, fault: &Action) {
        if let Some(delay) = fault.delay {
            tokio::time::sleep(self.clock.real(delay)).await;
        }
    }

    fn answer(
        &self,
        call: &Call,
        (operation, names): (Operation, &Names),
        ordered: Option<&Value>,
    ) -> Handled {
        let mut world = self.world();
        let plain = |reply| Handled {
            reply,
            principal: None,
            caused: None,
            remaining: None,
        };
        match operation {
            Operation::GetToken => {
                return plain(self.tokens.issue(call, &names.tenant, &world.scenario));
            }
            Operation::GetOpenIdConfiguration => {
                return plain(token::openid_configuration(call, &names.tenant));
            }
            Operation::GetMetadataEndpoints => {
                return plain(metadata_endpoints(call, &world.scenario));
            }
            _ => {}
        }
        let caller = match self.identify(call, names, &world.scenario) {
            Ok(caller) => caller,
            Err(reply) => return plain(reply),
        };
        let refused = |reply| Handled {
            principal: Some(caller.client_id.clone()),
            ..plain(reply)
        };
        if let Err(reply) = check_version(call, operation, &world.scenario) {
            return refused(reply);
        }
        let asked = Asked {
            facts: operation.facts(),
            write: call.method != axum::http::Method::GET,
            subscription: &names.subscription,
            client_id: &caller.client_id,
        };
        let remaining = match self
            .throttle
            .take(&world.scenario.throttling, &asked, &self.clock)
        {
            Ok(remaining) => remaining,
            Err(reply) => return refused(reply),
        };
        let action = asked.facts.action;
        if !action.is_empty()
            && let Err(reply) =
                access::check(&world.scenario, &caller.client_id, action, &call.path())
        {
            return refused(reply);
        }
        let mut context = Context {
            call,
            names,
            world: &mut world,
            clock: &self.clock,
            caller: &caller,
            now: self.clock.now(),
            tokens: &self.tokens,
            ordered,
            caused: None,
        };
        let reply = azure::answer(&mut context, operation);
        let caused = context.caused;
        Handled {
            reply,
            principal: Some(caller.client_id),
            caused,
            remaining: Some(remaining),
        }
    }

    fn identify(&self, call: &Call, names: &Names, scenario: &Scenario) -> Result<Caller, Reply> {
        let home = scenario.tenant_of(&names.subscription);
        let caller = self
            .tokens
            .caller(call, scenario)
            .map_err(|refused| token::challenge(call, home, &refused))?;
        if !names.subscription.is_empty() && !caller.tenant.eq_ignore_ascii_case(home) {
            let message = format!(
                "The access token is from the wrong issuer. It must match the tenant '{home}' associated with this subscription."
            );
            return Err(token::challenge(
                call,
                home,
                &Unauthorized {
                    code: "InvalidAuthenticationTokenTenant",
                    message,
                },
            ));
        }
        Ok(caller)
    }

    fn add_common_headers(&self, call: &Call, reply: &mut Reply) {
        let now = self.clock.now();
        let id = Uuid::new_v4().to_string();
        reply.set("Date", &http_date(now));
        reply.set("x-ms-request-id", &id);
        reply.set("x-ms-correlation-request-id", &id);
        reply.set(
            "x-ms-routing-request-id",
            &format!("EMULATOR:{}:{id}", now.strftime("%Y%m%dT%H%M%SZ")),
        );
        reply.set(
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        );
        reply.set("X-Content-Type-Options", "nosniff");
        if !reply.headers.contains_key("cache-control") {
            reply.set("Cache-Control", "no-cache");
        }
        if let Some(id) = call.client_request_id() {
            reply.set("x-ms-client-request-id", id);
            if self.world().scenario.service.echo_client_request_id_twice {
                reply.add("x-ms-client-request-id", id);
            }
        }
    }
}

/// Refuses a version that is missing, malformed, or unknown to the scenario.
fn check_version(call: &Call, operation: Operation, scenario: &Scenario) -> Result<(), Reply> {
    let refuse =
        |code: &str, message: &str| Err(gateway_error(StatusCode::BAD_REQUEST, code, message));
    let Some(version) = call
        .query("api-version")
        .filter(|version| !version.is_empty())
    else {
        return refuse(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        );
    };
    if !is_version(version) {
        let message = format!(
            "The api-version '{version}' is invalid. It must look like 2024-04-01 or 2024-04-01-preview."
        );
        return refuse("InvalidApiVersionParameter", &message);
    }
    let refused = scenario.service.refused_api_versions.iter().any(|refused| {
        refused.version == version
            && (refused.operations.is_empty()
                || refused
                    .operations
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(operation.name())))
    });
    if refused {
        let message = format!(
            "No registered resource provider found for location 'westus' and API version '{version}' for type '{}'.",
            operation
                .facts()
                .action
                .trim_start_matches("Microsoft.RecoveryServices/")
        );
        return refuse("NoRegisteredProviderFound", &message);
    }
    Ok(())
}

fn is_version(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok()
}

/// What the CLI asks of an unknown cloud; one object, not a list.
fn metadata_endpoints(call: &Call, scenario: &Scenario) -> Reply {
    let base = call.base();
    Reply::ok(&json!({
        "name": "AzureEmulator", "resourceManager": base,
        "authentication": {
            "loginEndpoint": base, "audiences": scenario.service.audiences, "tenant": "common", "identityProvider": "AAD",
        },
        "suffixes": {},
    }))
}

fn describe(fault: &Action) -> String {
    let when = match fault.when {
        When::BeforeEffect => "before its effect",
        When::AfterEffect => "after its effect",
    };
    match (&fault.answer, fault.reset) {
        (_, true) => format!("connection closed {when}"),
        (Some(answer), false) => format!("answered {} {when}", answer.status),
        (None, false) if fault.restore.is_some() => "the restore goes as ordered".into(),
        (None, false) => "answer changed or delayed".into(),
    }
}

/// Sends the first bytes of a body whose whole length the header promises; the connection ends there.
fn truncated(reply: Reply, length: usize) -> Response<Body> {
    let whole = reply.body.len();
    let kept = reply.body.slice(..length.min(whole));
    let (mut parts, _) = reply.into_response().into_parts();
    parts.headers.insert("content-length", whole.into());
    let sent = Box::pin(tokio::time::sleep(TIME_TO_SEND));
    Response::from_parts(
        parts,
        Body::new(CutShort {
            chunk: Some(kept),
            sent,
        }),
    )
}

/// A body that does not tell its length beforehand, and ends only when its bytes have had time to be sent:
/// hyper drops what it has not flushed when a body turns out to be shorter than promised.
struct CutShort {
    chunk: Option<Bytes>,
    sent: Pin<Box<tokio::time::Sleep>>,
}

impl HttpBody for CutShort {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.chunk.take().filter(|chunk| !chunk.is_empty()) {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None => self.sent.as_mut().poll(context).map(|()| None),
        }
    }
}
