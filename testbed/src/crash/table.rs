//! The results, for people.

use super::matrix::{Matrix, RunResult};
use crate::proxy::Moment;

/// The table: one line for each crash, and below it what is wrong.
pub fn lines(matrix: &Matrix) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<7} {:<6}  {:<95} {:>8} {:>7}",
        "RESULT", "KILL", "BOUNDARY", "ATTEMPTS", "TIME"
    )];
    for result in &matrix.results {
        lines.push(line(result));
        lines.extend(
            result
                .faults
                .iter()
                .map(|fault| format!("          {fault}")),
        );
        if !result.log.is_empty() {
            lines.push("          the controller's log ends:".to_owned());
            lines.extend(result.log.lines().map(|line| format!("            {line}")));
        }
    }
    lines
}

/// One crash in one line.
pub fn line(result: &RunResult) -> String {
    let word = match (result.faults.is_empty(), result.reached) {
        (false, _) => "WRONG",
        (true, true) => "ok",
        (true, false) => "missed",
    };
    let mut line = format!(
        "{word:<7} {:<6}  {:<95} {:>8} {:>5.1} s",
        result.crash.moment.as_str(),
        result.crash.boundary.to_string(),
        result.attempts,
        result.took.as_secs_f64()
    );
    if result.blocked {
        line.push_str("   waits for a person");
    }
    if let Some(first) = &result.first {
        line.push_str(&format!("   after {first}"));
    }
    if !result.reached {
        line.push_str(&format!("   did not come in {} runs", result.tries));
    } else if result.tries > 1 {
        line.push_str(&format!("   run {} reached it", result.tries));
    }
    line
}

/// All of it in one line.
pub fn summary(matrix: &Matrix) -> String {
    let count =
        |is: &dyn Fn(&RunResult) -> bool| matrix.results.iter().filter(|result| is(result)).count();
    let right = |moment| {
        count(&|result| result.crash.moment == moment && result.reached && result.faults.is_empty())
    };
    format!(
        "{}, path {}{}: {} boundaries ({} more requests depend on chance and are none), {} crashes in {:.0} s; right: {} before the effect, \
         {} after it; wrong: {}; missed: {}; with more than one attempt: {}; waiting for a person: {}",
        matrix.restore.as_str(),
        matrix.path.as_str(),
        matrix.first.map_or_else(String::new, |first| format!(
            ", killed before when {}",
            first.as_str()
        )),
        matrix.boundaries.len(),
        matrix.left_out,
        matrix.results.len(),
        matrix.took.as_secs_f64(),
        right(Moment::Before),
        right(Moment::After),
        count(&|result| !result.faults.is_empty()),
        count(&|result| !result.reached && result.faults.is_empty()),
        count(&|result| result.attempts > 1),
        count(&|result| result.blocked),
    )
}
