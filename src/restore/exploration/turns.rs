//! Whose turn it may be: who can go on, who interrupts whom, who sleeps.

use super::state::State;

impl State {
    /// Whether this seat can do something now.
    pub fn can_step(&self, place: (usize, usize)) -> bool {
        let seat = self.seat(place);
        !seat.asleep && (seat.flight.is_some() || seat.due == Some(0))
    }

    /// Whether a step of this seat would interrupt the pass of another one.
    pub fn interrupts(&self, place: (usize, usize)) -> bool {
        self.interruptions.is_some()
            && self
                .places()
                .any(|other| other != place && self.seat(other).at_work)
    }

    /// This seat has made a step.
    pub fn has_stepped(&mut self, place: (usize, usize)) {
        if self.interruptions.is_none() {
            return;
        }
        for other in self.places() {
            self.seat_mut(other).at_work = false;
        }
        let seat = self.seat_mut(place);
        seat.at_work = seat.flight.is_some();
    }
}
