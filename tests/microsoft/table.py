"""The table of what was checked."""

import time
import traceback


class Table:
    """Runs checks one after the other and keeps what came of each."""

    def __init__(self, column):
        """`column` is the heading of what the facts are told apart by."""
        self.column = column
        self.rows = []

    def check(self, kind, fact, azure, act):
        """Runs `act`; what it raises is a deviation. The calls that Azure saw meanwhile stand beside the fact."""
        azure.forget_calls()
        started = time.monotonic()
        problem = None
        try:
            act()
        except Exception as error:  # pylint: disable=broad-except
            problem = "".join(traceback.format_exception(error)).rstrip()
        seconds = time.monotonic() - started
        self.rows.append((kind, fact, in_short(azure.calls()), seconds, problem))

    @property
    def deviations(self):
        return [row for row in self.rows if row[4]]

    def print(self):
        widths = [max(len(row[column]) for row in self.rows) for column in (0, 1)]
        widths[0] = max(widths[0], len(self.column))
        print(f"{self.column:{widths[0]}}  {'FACT':{widths[1]}}  {'':9}  {'TIME':>6}  CALLS")
        for kind, fact, calls, seconds, problem in self.rows:
            word = "DEVIATION" if problem else "ok"
            print(f"{kind:{widths[0]}}  {fact:{widths[1]}}  {word:9}  {seconds:5.1f}s  {calls}")
        for kind, fact, _, _, problem in self.deviations:
            print(f"\n{kind}, {fact}:\n{problem}")
        print(f"\n{len(self.rows)} facts checked, {len(self.deviations)} deviations")


def in_short(calls):
    """`TriggerRestore, 3 GetItemOperationStatus, GetItemOperationResult`."""
    runs = []
    for call in calls:
        if runs and runs[-1][0] == call["operation"]:
            runs[-1][1] += 1
        else:
            runs.append([call["operation"], 1])
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in runs)


def same(what, got, wanted):
    """Both are equal."""
    if got != wanted:
        raise AssertionError(f"{what} is {got!r}, and should be {wanted!r}")


def true(what, holds):
    if not holds:
        raise AssertionError(f"not so: {what}")


def raises(kind, act):
    """`act` ends with exactly this error, which is returned."""
    try:
        act()
    except Exception as error:  # pylint: disable=broad-except
        same("the error", type(error).__name__, kind.__name__)
        return error
    raise AssertionError(f"no {kind.__name__} was raised")
