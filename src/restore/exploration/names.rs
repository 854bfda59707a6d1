//! Fresh ids, drawn from a few names: a new claim takes the first name that nothing in the world mentions any more.

use std::sync::OnceLock;

use uuid::Uuid;

use super::super::ids::{ClaimId, JobId, OperationId};

/// Most claims of one run that can be told apart at one time.
const MOST: u32 = 24;

/// All names of claims.
pub fn claim_names() -> &'static [ClaimId] {
    static NAMES: OnceLock<Vec<ClaimId>> = OnceLock::new();
    NAMES.get_or_init(|| (0..MOST).map(|n| ClaimId::new(uuid(n))).collect())
}

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(0xc1a1_0000_0000_0000_0000_0000_0000_0000 + u128::from(number))
}

/// The name with this number.
pub fn claim_name(number: u8) -> ClaimId {
    claim_names()[usize::from(number)]
}

/// The number of a name.
pub fn claim_number(id: ClaimId) -> u8 {
    let place = claim_names().iter().position(|name| *name == id);
    u8::try_from(place.expect("every claim has one of the names")).unwrap_or(u8::MAX)
}

/// The bit that stands for a name.
pub fn bit_of(id: ClaimId) -> u32 {
    1 << claim_number(id)
}

/// The claims that a message mentions.
pub fn mask_of(message: &str) -> u32 {
    if !message.contains("c1a10000-") {
        return 0;
    }
    (0..MOST)
        .filter(|number| message.contains(&uuid(*number).to_string()))
        .fold(0, |mask, number| mask | 1 << number)
}

/// The first name that is not in use.
pub fn fresh(in_use: u32) -> u8 {
    let number = (!in_use).trailing_zeros();
    assert!(number < MOST, "more claims than names");
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A job, by its place in Azure.
pub fn job_name(place: u8) -> JobId {
    JobId::new(format!("j{place}"))
}

/// The place of a job.
pub fn job_place(id: &JobId) -> u8 {
    id.as_str()
        .trim_start_matches('j')
        .parse()
        .unwrap_or(u8::MAX)
}

/// An operation, by its place in Azure.
pub fn operation_name(place: u8) -> OperationId {
    OperationId::new(format!("o{place}"))
}

/// The place of an operation.
pub fn operation_place(id: &OperationId) -> u8 {
    id.as_str()
        .trim_start_matches('o')
        .parse()
        .unwrap_or(u8::MAX)
}
