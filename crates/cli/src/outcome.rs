//! From the end of a run to the exit code.

use gather::summary::{Ended, Summary};

use crate::error::{EXIT_FAILED, EXIT_STOPPED};
use crate::values::CountOrShare;

/// The exit code of a run that ended like this; `signal` is that of a signal that came.
pub(crate) fn exit_code(
    summary: &Summary,
    allowed: Option<CountOrShare>,
    signal: Option<u8>,
) -> u8 {
    match (summary.ended, signal) {
        (Ended::Stopped, Some(signal)) => signal,
        // What came of it was told by the run that finished.
        (Ended::FinishedBefore, _) => 0,
        (Ended::FailFast | Ended::MaxFailures | Ended::Deadline, _) => EXIT_STOPPED,
        _ => {
            let bad = summary.failed + summary.skipped;
            let allowed = allowed.unwrap_or(CountOrShare::Count(0));
            if allowed.allows(bad, summary.inputs) { 0 } else { EXIT_FAILED }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_code() {
        let count = |most| Some(CountOrShare::Count(most));
        let share = |part| Some(CountOrShare::Share(part));
        for (ended, [ok, failed, skipped], allowed, signal, expected) in [
            (Ended::Finished, [10, 0, 0], None, None, 0),
            (Ended::Finished, [0, 0, 0], None, None, 0),
            (Ended::Finished, [9, 1, 0], None, None, 2),
            (Ended::Finished, [9, 0, 1], None, None, 2),
            (Ended::Finished, [8, 2, 0], count(2), None, 0),
            (Ended::Finished, [7, 3, 0], count(2), None, 2),
            (Ended::Finished, [9, 1, 0], share(0.1), None, 0),
            (Ended::Finished, [8, 2, 0], share(0.1), None, 2),
            (Ended::FinishedBefore, [9, 1, 0], None, None, 0),
            (Ended::FailFast, [1, 1, 8], None, None, 4),
            (Ended::MaxFailures, [1, 1, 8], count(10), None, 4),
            (Ended::Deadline, [1, 0, 0], None, None, 4),
            (Ended::Stopped, [1, 0, 0], None, Some(130), 130),
            (Ended::Stopped, [1, 1, 0], None, Some(143), 143),
            // It came too late to stop anything.
            (Ended::Finished, [10, 0, 0], None, Some(130), 0),
            // Standard output was closed by its reader.
            (Ended::Stopped, [10, 0, 0], None, None, 0),
            (Ended::Stopped, [9, 1, 0], None, None, 2),
        ] {
            let mut summary = Summary::default();
            summary.ended = ended;
            (summary.ok, summary.failed, summary.skipped) = (ok, failed, skipped);
            summary.inputs = ok + failed + skipped;
            let code = exit_code(&summary, allowed, signal);
            assert_eq!(code, expected, "{ended:?} {ok}/{failed}/{skipped} {allowed:?} {signal:?}");
        }
    }
}
