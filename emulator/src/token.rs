//! The token service: who asks, what they get, and what a token is worth later.
//!
//! Tokens live in real time also when the emulator's clock runs faster: clients keep them by the real clock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Call, Reply, form};
use crate::scenario::{Principal, Scenario, Tenant};

/// The tokens that were issued and not revoked.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<String, Grant>>);

#[derive(Clone)]
struct Grant {
    tenant: String,
    client_id: String,
    audience: String,
    expires: Instant,
}

/// Why a request has no valid token: code and message of the 401.
#[derive(Debug)]
pub struct Unauthorized {
    pub code: &'static str,
    pub message: String,
}

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    pub client_id: String,
    pub tenant: String,
}

impl Tokens {
    /// `POST /{tenant}/oauth2/v2.0/token` with a client secret.
    pub fn issue(&self, call: &Call, tenant: &str, scenario: &Scenario) -> Reply {
        match self.grant(call, tenant, scenario) {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(),
        }
    }

    fn grant(&self, call: &Call, tenant_id: &str, scenario: &Scenario) -> Result<Reply, Refusal> {
        let fields = form(&call.body);
        let field = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let tenant = scenario.tenants.iter().find(|tenant| tenant.is(tenant_id)).ok_or_else(|| {
            Refusal::new(400, "invalid_request", 90002, format!("Tenant '{tenant_id}' not found. Check to make sure you have the correct tenant ID."))
        })?;
        match field("grant_type") {
            Some("client_credentials") => {}
            Some(other) => {
                return Err(Refusal::new(
                    400,
                    "unsupported_grant_type",
                    70003,
                    format!("The app requested an unsupported grant type '{other}'."),
                ));
            }
            None => return Err(missing("grant_type")),
        }
        let client_id = field("client_id").ok_or_else(|| missing("client_id"))?;
        let principal = scenario.principal(client_id, tenant).ok_or_else(|| {
            Refusal::new(400, "unauthorized_client", 700_016, format!("Application with identifier '{client_id}' was not found in the directory '{}'.", tenant.name))
        })?;
        let secret = field("client_secret").ok_or_else(|| {
            Refusal::new(401, "invalid_client", 7_000_216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into())
        })?;
        if secret != principal.client_secret {
            return Err(Refusal::new(
                401,
                "invalid_client",
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
                ),
            ));
        }
        let scope = field("scope").ok_or_else(|| missing("scope"))?;
        let audience = scope.strip_suffix("/.default").ok_or_else(|| {
            Refusal::new(400, "invalid_scope", 70011, format!("The provided request must include a 'scope' input parameter. The scope {scope} is not valid."))
        })?;
        let audience = audience.trim_end_matches('/');
        let life = tenant.token_lifetime.as_secs().max(0);
        let token = jwt(call, tenant, principal, audience, life);
        let expires = Instant::now() + Duration::from_secs(life.unsigned_abs());
        let mut tokens = self.lock();
        let now = Instant::now();
        tokens.retain(|_, grant| grant.expires + Duration::from_secs(3600) > now);
        tokens.insert(
            token.clone(),
            Grant {
                tenant: tenant.id.clone(),
                client_id: principal.client_id.clone(),
                audience: audience.to_owned(),
                expires,
            },
        );
        Ok(Reply::ok(&json!({
            "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token,
        }))
        .with("cache-control", "no-store, no-cache"))
    }

    /// Who sends this request.
    ///
    /// # Errors
    /// The 401 to answer: no token, one that nobody issued, one that has expired or is for somebody else.
    pub fn caller(&self, call: &Call, scenario: &Scenario) -> Result<Caller, Unauthorized> {
        let refuse = |code, message: &str| Unauthorized {
            code,
            message: message.to_owned(),
        };
        let header = call.header("authorization").ok_or_else(|| {
            refuse(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        })?;
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                refuse("AuthenticationFailed", "Authentication failed. The 'Authorization' header is provided in an invalid format.")
            })?;
        let grant =
            self.lock().get(token).cloned().ok_or_else(|| {
                refuse("InvalidAuthenticationToken", "The access token is invalid.")
            })?;
        if grant.expires <= Instant::now() {
            return Err(refuse(
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.",
            ));
        }
        if !is_audience(&grant.audience, call, scenario) {
            let message = format!(
                "The access token has been obtained for wrong audience or resource '{}'. It should exactly match with one of the allowed audiences '{}'.",
                grant.audience,
                scenario.service.audiences.join("','")
            );
            return Err(Unauthorized {
                code: "InvalidAuthenticationTokenAudience",
                message,
            });
        }
        Ok(Caller {
            client_id: grant.client_id,
            tenant: grant.tenant,
        })
    }

    /// Who a further token of a request was issued to: `Bearer <token>`, not expired.
    pub fn holder(&self, header: &str) -> Option<Caller> {
        let (_, token) = header.split_once(' ')?;
        let grant = self.lock().get(token.trim()).cloned()?;
        (grant.expires > Instant::now()).then_some(Caller {
            client_id: grant.client_id,
            tenant: grant.tenant,
        })
    }

    /// Makes every token that was issued so far invalid.
    pub fn revoke_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub fn openid_configuration(call: &Call, tenant: &str) -> Reply {
    let base = format!("{}/{tenant}", call.base());
    Reply::ok(&json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "issuer": format!("{base}/v2.0"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code", "id_token", "token"],
        "tenant_region_scope": "NA",
    }))
}

/// The 401 with the challenge that says where to get a token.
pub fn challenge(call: &Call, tenant: &str, refusal: &Unauthorized) -> Reply {
    let challenge = format!(
        "Bearer authorization_uri=\"{}/{tenant}\", error=\"invalid_token\", error_description=\"{}\"",
        call.base(),
        refusal.message.replace('"', "'")
    );
    crate::wire::gateway_error(StatusCode::UNAUTHORIZED, refusal.code, &refusal.message)
        .with("WWW-Authenticate", &challenge)
}

struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    message: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, code: u32, message: String) -> Self {
        Self {
            status,
            error,
            code,
            message,
        }
    }

    fn reply(&self) -> Reply {
        let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}",
            self.code, self.message
        );
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        Reply::json(
            status,
            &json!({
                "error": self.error, "error_description": description, "error_codes": [self.code], "timestamp": now,
                "trace_id": trace.to_string(), "correlation_id": correlation.to_string(),
            }),
        )
    }
}

impl Tenant {
    fn is(&self, named: &str) -> bool {
        self.id.eq_ignore_ascii_case(named)
            || (!self.name.is_empty() && self.name.eq_ignore_ascii_case(named))
    }
}

impl Scenario {
    fn principal(&self, client_id: &str, tenant: &Tenant) -> Option<&Principal> {
        self.principals.iter().find(|principal| {
            principal.client_id.eq_ignore_ascii_case(client_id)
                && tenant.is(self.tenant_id(principal.tenant.as_deref()))
        })
    }
}

fn missing(parameter: &str) -> Refusal {
    Refusal::new(
        400,
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{parameter}'."),
    )
}

fn is_audience(audience: &str, call: &Call, scenario: &Scenario) -> bool {
    let own = |scheme: &str| audience.eq_ignore_ascii_case(&format!("{scheme}://{}", call.host));
    let loopback = audience.starts_with("http://127.0.0.1")
        || audience.starts_with("https://127.0.0.1")
        || audience.starts_with("https://localhost")
        || audience.starts_with("http://localhost");
    own("http")
        || own("https")
        || loopback
        || scenario
            .service
            .audiences
            .iter()
            .any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(audience))
}

/// A token that can be decoded like a real one. Its signature is random: what counts is that it was issued here.
fn jwt(call: &Call, tenant: &Tenant, principal: &Principal, audience: &str, life: i64) -> String {
    let now = Timestamp::now().as_second();
    let object_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, principal.client_id.as_bytes());
    let claims = json!({
        "aud": audience, "iss": format!("{}/{}/", call.base(), tenant.id), "iat": now, "nbf": now, "exp": now + life,
        "appid": principal.client_id, "oid": object_id.to_string(), "sub": object_id.to_string(), "tid": tenant.id,
        "ver": "1.0", "uti": Uuid::new_v4().simple().to_string(),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut signature = Vec::with_capacity(64);
    for _ in 0..4 {
        signature.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    format!(
        "{}.{}.{}",
        part(&json!({"typ": "JWT", "alg": "RS256"})),
        part(&claims),
        URL_SAFE_NO_PAD.encode(signature)
    )
}
