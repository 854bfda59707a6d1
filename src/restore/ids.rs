//! The names that a restore goes by: who it is (run key), which attempt, which claim, and Azure's own ids.
//!
//! Everything here only computes. The run key decides whether two objects mean the same run, so its canonical form is
//! versioned and pinned by golden vectors: an upgrade of the controller must never change a key.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use uuid::Uuid;

/// The most attempts that one run can ever make, those that a person asks for included.
pub const MAX_ATTEMPTS: u8 = 16;

/// An Azure Resource Manager id. Equal to another one without regard to letter case, as ARM compares them; shown as written.
#[derive(Debug, Clone)]
pub struct ArmId(String);

impl ArmId {
    /// Takes an id as somebody wrote it; white space around it and a slash at its end do not count.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().trim_end_matches('/').to_owned())
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id in the form that canonical forms use: lower case.
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }

    /// The last segment: the name of the resource.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The segment that follows `key`, such as the value of `subscriptions` or `resourceGroups`.
    pub fn segment_after(&self, key: &str) -> Option<&str> {
        let mut segments = self.0.split('/').filter(|segment| !segment.is_empty());
        while let Some(segment) = segments.next() {
            if segment.eq_ignore_ascii_case(key) {
                return segments.next();
            }
        }
        None
    }
}

impl PartialEq for ArmId {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for ArmId {}

impl Hash for ArmId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Display for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as Azure sent it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as Azure sent it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The name of a recovery point: a decimal string beyond 2^53, never a number (CONTRACT 2).
    RecoveryPointName
}
text_id! {
    /// The id of the asynchronous operation that a trigger starts. It ends when the job exists, not when the restore ends.
    OperationId
}
text_id! {
    /// The name of a backup job.
    JobId
}

/// The identity of one intended run, from its content and not from the object's UID: an object that is deleted and
/// applied again has the same key and so finds its own job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunKey {
    id: Uuid,
    /// Computed once: every look asks for all of them.
    requests: [RequestId; MAX_ATTEMPTS as usize],
}

impl RunKey {
    /// Computes the key of a run within a scope.
    pub fn compute(scope: &Scope, run: &CanonicalRun) -> Self {
        Self::of(Uuid::new_v5(&scope.0, run.text().as_bytes()))
    }

    fn of(id: Uuid) -> Self {
        let mut attempt = 0_u8;
        let requests = [(); MAX_ATTEMPTS as usize].map(|()| {
            attempt += 1;
            request_id(&id, attempt)
        });
        Self { id, requests }
    }

    /// The id of an attempt, which is the `x-ms-client-request-id` of its trigger and so the `activityId` of its job.
    pub fn request_id(&self, attempt: u8) -> RequestId {
        let known = usize::from(attempt).checked_sub(1);
        let known = known.and_then(|index| self.requests.get(index));
        known
            .copied()
            .unwrap_or_else(|| request_id(&self.id, attempt))
    }

    /// The ids of every attempt that this run can ever make, with their numbers: what a look searches for.
    pub fn request_ids(&self) -> impl Iterator<Item = (u8, RequestId)> + '_ {
        (1..=MAX_ATTEMPTS).map(|attempt| (attempt, self.request_id(attempt)))
    }
}

fn request_id(key: &Uuid, attempt: u8) -> RequestId {
    RequestId(Uuid::new_v5(key, attempt.to_string().as_bytes()))
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl FromStr for RunKey {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self::of)
    }
}

/// The `x-ms-client-request-id` of one attempt. Azure stores it as the job's `activityId` (CONTRACT 13; not documented by
/// Microsoft): a handle to find the job by, not a key that would stop a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// The id that an `activityId` starts with: without regard to case, and followed by nothing or by a suffix that starts
    /// with `-` (`-Cli`, `-Ibz` were seen; CONTRACT 13).
    pub fn of_activity(activity_id: &str) -> Option<Self> {
        const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;
        let id = Uuid::try_parse(activity_id.get(..LENGTH)?).ok()?;
        matches!(activity_id.as_bytes().get(LENGTH), None | Some(b'-')).then_some(Self(id))
    }

    /// Whether an `activityId` is this id.
    pub fn matches(&self, activity_id: &str) -> bool {
        Self::of_activity(activity_id) == Some(*self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A fresh random id for every write of a claim. Two writes never share one, also not of one process for one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(Uuid);

impl ClaimId {
    /// Takes an id that the caller drew at random.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ClaimId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// What separates the runs of one cluster from those of another that has the same manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(Uuid);

impl Scope {
    /// Takes a UUID as it is (the default is the UID of the namespace `kube-system`) and derives one from any other text.
    pub fn new(text: &str) -> Self {
        Self(Uuid::parse_str(text.trim()).unwrap_or_else(|_| {
            Uuid::new_v5(
                &Uuid::NAMESPACE_URL,
                format!("azurebackup.dev/scope/{}", text.trim()).as_bytes(),
            )
        }))
    }
}

/// Canonical form, version 1, of what makes a run the run that it is.
///
/// Absent and default values are left out, ARM ids are lower-cased, lists are sorted, keys are in byte order. A field that
/// enters the API later is left out while it has its default, so that no existing key ever changes.
/// The vault stands in by its ARM id and not by the name of the object that describes it: a rebuilt cluster in which that
/// object has another name must still find its own jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalRun {
    fields: Vec<(&'static str, String)>,
}

impl CanonicalRun {
    /// Starts from the fields that every run has.
    pub fn new(namespace: &str, name: &str, vault: &ArmId) -> Self {
        let fields = vec![
            ("namespace", namespace.to_owned()),
            ("name", name.to_owned()),
            ("vault", vault.canonical()),
        ];
        Self { fields }
    }

    /// Adds a field if it is there and differs from its default.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value.map(Into::into).filter(|value| !value.is_empty()) {
            self.fields.push((key, value));
        }
        self
    }

    /// The text that is hashed: one `key=length:value` a line. The length keeps a value that holds a line break from
    /// reading like another field.
    pub fn text(&self) -> String {
        let mut fields = self.fields.clone();
        fields.sort();
        let mut text = String::from("vmrestore-run-v1\n");
        for (key, value) in fields {
            text.push_str(&format!("{key}={}:{value}\n", value.len()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testVaultRG/providers/Microsoft.RecoveryServices/vaults/testVault";
    const VM: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM";

    fn scope() -> Scope {
        Scope::new("6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11")
    }

    fn a_run(run_id: Option<&str>) -> CanonicalRun {
        CanonicalRun::new("team-a", "restore-web", &ArmId::new(VAULT))
            .with("sourceVirtualMachineId", Some(ArmId::new(VM).canonical()))
            .with("recoveryType", Some("RestoreDisks"))
            .with("runId", run_id)
    }

    #[test]
    fn golden_vectors_never_change() {
        let key = RunKey::compute(&scope(), &a_run(None));
        let again = RunKey::compute(&scope(), &a_run(Some("2")));

        assert_eq!(key.to_string(), "6f850b8b-6139-5075-9960-85492d97c141");
        assert_eq!(again.to_string(), "9002b687-e97a-513a-a944-59a5c926be93");
        assert_eq!(
            key.request_id(1).to_string(),
            "0efa7fdd-6cfb-5a03-b882-241864a0a92b"
        );
        assert_eq!(
            key.request_id(16).to_string(),
            "0ec2c2bc-0a01-5b1c-a776-d670f3f8e874"
        );
    }

    #[test]
    fn golden_vectors_with_a_choice_of_the_recovery_point_never_change() {
        let chosen = a_run(None)
            .with("recoveryPoint.atOrBefore", Some("2018-06-04T06:06:01Z"))
            .with("recoveryPoint.notBefore", Some("2018-06-01T00:00:00Z"))
            .with("recoveryPoint.minConsistency", Some("AppConsistent"))
            .with("recoveryPoint.tier", Some("VaultStandard"));

        assert!(chosen.text().contains(
            "recoveryPoint.atOrBefore=20:2018-06-04T06:06:01Z\nrecoveryPoint.minConsistency=13:AppConsistent\n"
        ));
        assert_eq!(
            RunKey::compute(&scope(), &chosen).to_string(),
            "1e9aab06-c0d2-5e92-b355-6a9fb53d24db"
        );
    }

    #[test]
    fn letter_case_of_an_arm_id_makes_no_other_run() {
        let upper = CanonicalRun::new("n", "r", &ArmId::new(VAULT.to_uppercase()));
        let lower = CanonicalRun::new("n", "r", &ArmId::new(VAULT.to_lowercase()));

        assert_eq!(upper.text(), lower.text());
    }

    #[test]
    fn an_empty_field_is_an_absent_one() {
        assert_eq!(a_run(Some("")).text(), a_run(None).text());
    }

    #[test]
    fn a_value_with_a_line_break_is_no_other_field() {
        let tricky = CanonicalRun::new("n", "r", &ArmId::new("v")).with("a", Some("1\nb=1:2"));
        let plain = CanonicalRun::new("n", "r", &ArmId::new("v"))
            .with("a", Some("1"))
            .with("b", Some("2"));

        assert_ne!(tricky.text(), plain.text());
    }

    #[test]
    fn activity_ids_match_with_case_and_suffix() {
        let id = RunKey::compute(&scope(), &a_run(None)).request_id(1);

        for (activity_id, expected) in [
            (id.to_string(), true),
            (id.to_string().to_uppercase(), true),
            (format!("{id}-Cli"), true),
            (format!("{id}0"), false),
            (String::new(), false),
            ("ä".repeat(20), false),
        ] {
            assert_eq!(id.matches(&activity_id), expected, "{activity_id}");
        }
    }

    #[test]
    fn arm_ids_compare_without_case_and_keep_their_form() {
        let id = ArmId::new(" /Subscriptions/S/resourceGroups/RG/ ");

        assert_eq!(id, ArmId::new("/subscriptions/s/resourcegroups/rg"));
        assert_eq!(id.as_str(), "/Subscriptions/S/resourceGroups/RG");
        assert_eq!(id.segment_after("subscriptions"), Some("S"));
        assert_eq!(id.segment_after("nothing"), None);
    }
    #[test]
    fn arm_ids_that_differ_in_case_are_one_key_and_are_shown_as_written() {
        use std::collections::HashSet;
        let ids = |texts: [&str; 2]| HashSet::from(texts.map(ArmId::new)).len();
        let hash = |text: &str| {
            let mut state = std::hash::DefaultHasher::new();
            ArmId::new(text).hash(&mut state);
            state.finish()
        };

        assert_eq!(ids(["/Subscriptions/S", "/subscriptions/s/"]), 1);
        assert_eq!(ids(["/subscriptions/s", "/subscriptions/t"]), 2);
        assert_ne!(hash("/subscriptions/s"), hash("/subscriptions/t"));
        assert_eq!(
            ArmId::new("/Subscriptions/S/").to_string(),
            "/Subscriptions/S"
        );
    }

    #[test]
    fn ids_are_read_again_as_they_are_written() {
        let claim = ClaimId::new(Uuid::from_u128(7));
        let key = RunKey::compute(&scope(), &a_run(None));
        let request = key.request_id(1);

        assert_eq!(claim.to_string().parse(), Ok(claim));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(request.to_string().parse(), Ok(request));
    }
}
