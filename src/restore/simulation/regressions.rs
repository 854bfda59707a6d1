//! Schedules that once broke the protocol.
