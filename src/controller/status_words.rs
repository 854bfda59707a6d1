//! The words that stand in a status, on both sides.

use crate::api::v1alpha1 as api;
use crate::restore::record::{AttemptState, Phase};

/// Declares two enums as the same words on both sides.
macro_rules! same_words {
    ($to:ident, $from:ident, $domain:ty, $stored:ty: $($name:ident)+) => {
        /// The word as status stores it.
        pub fn $to(word: $domain) -> $stored {
            match word {
                $(<$domain>::$name => <$stored>::$name,)+
            }
        }

        /// The word as the deciding side says it.
        pub fn $from(word: $stored) -> $domain {
            match word {
                $(<$stored>::$name => <$domain>::$name,)+
            }
        }
    };
}

same_words!(phase_to, phase_from, Phase, api::Phase:
    Pending Triggering Accepted Running Cancelling Blocked Succeeded PartiallySucceeded Failed Cancelled);

same_words!(state_to, state_from, AttemptState, api::AttemptState:
    Claimed NotStarted Conflict Unknown Accepted JobSought OperationFailed Running Adopted Ended JobFailed NotFound Blocked Abandoned);
