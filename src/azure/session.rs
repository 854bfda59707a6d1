//! One vault as one identity: what every call to it shares (token, api-versions, budget, job board, item list), and how a
//! read is carried out: gate, token, send, verdict, and what is learnt from it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::Value;

use super::arm::{self, Answer, Arm};
use super::board::{AzureTime, Board};
use super::body;
use super::clock::{SharedClock, with_jitter};
use super::decode::{field, text};
use super::gate::{Gate, Kind};
use super::protected_items::ItemList;
use super::surroundings::Guards;
use super::token::TokenSource;
use super::verdict::{self, Absence, Known, Lesson, ReadVerdict, Reply, Seen};
use super::versions::{Area, Versions};
use crate::restore::facts::{VaultError, VaultFacts};
use crate::restore::ids::ArmId;
use crate::restore::ports::Budget;

/// A read is repeated for a new token and for each row of the version table, and then no more.
const MOST_SENDS: usize = 4;

/// More pages than any list has; ends a `nextLink` that leads in a circle.
const MOST_PAGES: usize = 1000;

/// What all calls to one vault with one credential share.
pub(super) struct Session {
    /// `subscriptions/{id}/resourceGroups/{name}/providers/…/vaults/{name}`, as segments.
    pub vault: Vec<String>,
    pub arm_host: Url,
    pub arm: Arc<Arm>,
    pub clock: SharedClock,
    pub token: TokenSource,
    pub gate: Arc<Gate>,
    pub versions: Versions,
    pub board: Board,
    pub items: ItemList,
    /// The vault's own facts with the moment they were read.
    pub facts: Mutex<Option<(SignedDuration, VaultFacts)>>,
    /// Azure's time as the last answer told it, and when that was on the boot-time clock: ours may be set meanwhile.
    pub azure_clock: Mutex<Option<(Timestamp, SignedDuration)>>,
    /// What Resource Guards demand, with the moment they were read.
    /// Held while they are read, so that many runs ask once.
    pub guards: tokio::sync::Mutex<Option<(SignedDuration, Guards)>>,
    /// Regions of storage accounts, where they can be read, with the moment of the read.
    /// Held while one is read.
    pub regions: tokio::sync::Mutex<HashMap<ArmId, (SignedDuration, Option<String>)>>,
    /// Whether the last trigger was answered 401.
    pub trigger_refused: AtomicBool,
}

/// One read.
pub(super) struct Ask<'a> {
    /// For logs and metrics.
    pub operation: &'static str,
    /// Whose budget it uses.
    pub kind: Kind,
    /// Which row of the version table.
    pub area: Area,
    /// Which part of the budget.
    pub budget: Budget,
    /// Path below the vault; of an area outside of it, the whole path.
    pub below: &'a [&'a str],
    /// `$filter`, if any.
    pub filter: Option<&'a str>,
    /// What a 404 means.
    pub absence: Absence,
}

impl Session {
    /// One read below the vault; `None` when Azure has no such thing.
    pub async fn read(&self, ask: &Ask<'_>) -> Result<Option<Value>, VaultError> {
        self.read_at(ask, None).await
    }

    /// Every page of a list: its entries and how many requests it took. `None` when what it lists is missing.
    pub async fn pages(&self, ask: &Ask<'_>) -> Result<Option<(Vec<Value>, u32)>, VaultError> {
        let mut entries = Vec::new();
        let requests = self
            .each_page(ask, |page| {
                entries.extend(page);
                Ok(())
            })
            .await?;
        Ok(requests.map(|requests| (entries, requests)))
    }

    /// Every page of a list, handed on one by one, so that only one is in memory as Azure wrote it. Returns how many requests
    /// it took, `None` when what it lists is missing.
    ///
    /// # Errors
    /// Also what `take` says of a page.
    pub async fn each_page(
        &self,
        ask: &Ask<'_>,
        mut take: impl FnMut(Vec<Value>) -> Result<(), VaultError> + Send,
    ) -> Result<Option<u32>, VaultError> {
        let (mut link, mut requests) = (None, 0);
        let mut followed = HashSet::new();
        for _ in 0..MOST_PAGES {
            let Some(mut page) = self.read_at(ask, link).await? else {
                return Ok(None);
            };
            requests += 1;
            link = self.next_link(&page)?;
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(values)) => take(values)?,
                _ => {
                    let what = format!("the answer to {} is no list", ask.operation);
                    return Err(self.failed(verdict::unreadable(&what)));
                }
            }
            match &link {
                None => return Ok(Some(requests)),
                Some(next) if !followed.insert(next.clone()) => {
                    let what = format!("the pages of {} lead in a circle", ask.operation);
                    return Err(self.failed(verdict::unreadable(&what)));
                }
                Some(_) => {}
            }
        }
        let what = format!(
            "the answer to {} has more than {MOST_PAGES} pages",
            ask.operation
        );
        Err(self.failed(verdict::unreadable(&what)))
    }

    async fn read_at(&self, ask: &Ask<'_>, link: Option<Url>) -> Result<Option<Value>, VaultError> {
        for _ in 0..MOST_SENDS {
            let bearer = self.token.get().await?;
            self.gate.admit(ask.kind, ask.budget)?;
            let version = self.versions.current(ask.area);
            let url = link.clone().unwrap_or_else(|| self.url(ask, &version));
            let limit = body::limit_bytes(ask.kind);
            let result = self.arm.get(ask.operation, url, &bearer.token, limit).await;
            let seen = self.note(ask.kind, &result);
            let known = Known {
                token_renewed: bearer.renewed,
                // A link carries its own version, which the table cannot change.
                version_left: link.is_none() && self.versions.has_next(ask.area, &version),
            };
            let (verdict, lesson) = verdict::read(&seen, ask.absence, known);
            let claims = result
                .as_ref()
                .ok()
                .and_then(|answer| answer.claims.clone());
            self.learn(
                lesson,
                ask.kind,
                (ask.area, &version),
                (&bearer.token, claims),
            )
            .await;
            match verdict {
                ReadVerdict::Body => return self.json(ask.operation, result).map(Some),
                ReadVerdict::Absent => return Ok(None),
                ReadVerdict::Again => {}
                ReadVerdict::Failed(error) => return Err(self.failed(error)),
            }
        }
        let what = format!("{} was refused again and again", ask.operation);
        Err(self.failed(verdict::unreadable(&what)))
    }

    /// Learns budget and time from an answer, and says what the verdict needs of it.
    pub fn note(&self, kind: Kind, result: &Result<Answer, verdict::TransportFault>) -> Seen {
        match result {
            Err(fault) => Seen::Fault(fault.clone()),
            Ok(answer) => {
                self.gate.learn(kind, answer.remaining);
                let now = self.clock.now();
                let mut known = self
                    .azure_clock
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                // Without any `Date` header, Azure is taken to share our clock.
                let told = answer.date.map(|date| (date, now.boot));
                *known = told.or(*known).or(Some((now.wall, now.boot)));
                drop(known);
                if answer.reply.status != 401 {
                    self.token.accept();
                }
                Seen::Reply(answer.reply.clone())
            }
        }
    }

    /// Remembers what the verdict taught.
    pub async fn learn(
        &self,
        lesson: Lesson,
        kind: Kind,
        (area, version): (Area, &str),
        (token, claims): (&str, Option<String>),
    ) {
        match lesson {
            Lesson::Nothing => {}
            Lesson::DropToken => self.token.refuse(token, claims).await,
            Lesson::NextVersion => self.versions.refuse(area, version),
            Lesson::CloseGate(wait) => self.gate.close(kind, wait),
        }
    }

    /// Azure's own time, from the last answer's `Date`; before there was one, after a read of the vault.
    pub async fn azure_time(&self) -> Result<AzureTime, VaultError> {
        let told = || {
            *self
                .azure_clock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if told().is_none() {
            self.read_facts().await?;
        }
        let now = self.clock.now();
        let (date, at) = told().unwrap_or((now.wall, now.boot));
        let azure = date
            .saturating_add(now.boot.saturating_sub(at))
            .unwrap_or(date);
        Ok(AzureTime::between(azure, now.wall))
    }

    /// The vault's own facts, which change about never.
    pub async fn facts_of_vault(&self) -> Result<VaultFacts, VaultError> {
        const KEPT: SignedDuration = SignedDuration::from_mins(5);

        let now = self.clock.now().boot;
        let kept = self
            .facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match kept.filter(|(read, _)| now.saturating_sub(*read) < KEPT) {
            Some((_, facts)) => Ok(facts),
            None => self.read_facts().await,
        }
    }

    /// Reads the vault itself.
    pub async fn read_facts(&self) -> Result<VaultFacts, VaultError> {
        let ask = Ask {
            operation: "get_vault",
            kind: Kind::Vault,
            area: Area::Vault,
            budget: Budget::Needed,
            below: &[],
            filter: None,
            absence: Absence::OfVault,
        };
        let body = self.read(&ask).await?.unwrap_or_default();
        let properties = field(&body, "properties").cloned().unwrap_or_default();
        let part = |value: &Value, name| field(value, name).cloned().unwrap_or_default();
        let redundancy = part(&properties, "redundancySettings");
        let security = part(&properties, "securitySettings");
        let across = part(
            &part(&properties, "restoreSettings"),
            "crossSubscriptionRestoreSettings",
        );
        let clean = |value: Option<&Value>| {
            value
                .and_then(text)
                .map(|text| self.arm.scrubber.clean(&text))
        };
        let Some(location) = clean(field(&body, "location")) else {
            return Err(self.failed(verdict::unreadable("the vault's answer names no location")));
        };
        let facts = VaultFacts {
            location,
            storage_redundancy: clean(field(&redundancy, "standardTierStorageRedundancy")),
            cross_region_restore: clean(field(&redundancy, "crossRegionRestore")),
            cross_subscription_restore: clean(field(&across, "crossSubscriptionRestoreState")),
            multi_user_authorization: clean(field(&security, "multiUserAuthorization")),
        };
        let now = self.clock.now().boot;
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, facts.clone()));
        Ok(facts)
    }

    /// The URL of a path below the vault.
    pub fn url_below(&self, below: &[&str], version: &str, filter: Option<&str>) -> Url {
        let segments: Vec<&str> = self
            .vault
            .iter()
            .map(String::as_str)
            .chain(below.iter().copied())
            .collect();
        let mut query = vec![("api-version", version)];
        query.extend(filter.map(|filter| ("$filter", filter)));
        arm::url(&self.arm_host, &segments, &query)
    }

    fn url(&self, ask: &Ask<'_>, version: &str) -> Url {
        if ask.area.is_of_the_vault() {
            self.url_below(ask.below, version, ask.filter)
        } else {
            let mut query = vec![("api-version", version)];
            query.extend(ask.filter.map(|filter| ("$filter", filter)));
            arm::url(&self.arm_host, ask.below, &query)
        }
    }

    /// The next page, verbatim, if it lies on the vault's own host: the token travels with the request.
    fn next_link(&self, page: &Value) -> Result<Option<Url>, VaultError> {
        let Some(link) = field(page, "nextLink")
            .and_then(Value::as_str)
            .filter(|link| !link.trim().is_empty())
        else {
            return Ok(None);
        };
        match Url::parse(link.trim()) {
            Ok(url)
                if url.origin() == self.arm_host.origin()
                    && url.username().is_empty()
                    && url.password().is_none() =>
            {
                Ok(Some(url))
            }
            Ok(url) => {
                let host = url.host_str().unwrap_or_default();
                let what = format!(
                    "the next page of a list lies on another host, {host}; it is not followed"
                );
                Err(self.failed(verdict::unreadable(&self.arm.scrubber.clean(&what))))
            }
            Err(_) => Err(self.failed(verdict::unreadable(
                "the link to the next page of a list is no URL",
            ))),
        }
    }

    fn json(
        &self,
        operation: &str,
        result: Result<Answer, verdict::TransportFault>,
    ) -> Result<Value, VaultError> {
        let body = match result {
            Ok(Answer {
                body: Some(body), ..
            }) => body,
            Ok(Answer {
                body: None,
                reply: Reply { .. },
                ..
            })
            | Err(_) => {
                let what = format!("the answer to {operation} broke off or is too long");
                return Err(self.failed(verdict::unreadable(&what)));
            }
        };
        match serde_json::from_slice::<Value>(&body) {
            Ok(value) if value.is_object() => Ok(value),
            Ok(_) | Err(_) => {
                let what = format!("the answer to {operation} is no JSON object");
                Err(self.failed(verdict::unreadable(&what)))
            }
        }
    }

    /// An error with its wait spread a little.
    fn failed(&self, error: VaultError) -> VaultError {
        VaultError {
            retry_after: with_jitter(error.retry_after),
            ..error
        }
    }
}
