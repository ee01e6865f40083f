"""What reports of what was read have in common."""

from typing import Any

MAX_LISTED = 1000  # problems listed for one input; all are counted
SHOWN_LABELS = 12  # labels of a line; the report has all


class Report:
    """A dataclass with counts, and with `problems`, of which not all are listed."""

    problems: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """RETURNS (dict[str, Any]): The report as plain data."""
        return dict(vars(self))

    def list_problem(self, **problem: Any) -> None:
        """List a problem, unless there are MAX_LISTED already."""
        if len(self.problems) < MAX_LISTED:
            self.problems.append(problem)


def relations_in_line(labels: dict[str, int]) -> str:
    """RETURNS (str): Counts of relations by label, to stand behind those of entities."""
    return f", {sum(labels.values()):,} relations{labels_in_line(labels)}"


def labels_in_line(labels: dict[str, int]) -> str:
    """RETURNS (str): Counts of labels, to stand behind what they count; nothing where there are none."""
    shown = [f"{label} {n:,}" for label, n in list(labels.items())[:SHOWN_LABELS]]
    more = len(labels) - len(shown)
    return f" ({', '.join(shown)}{f', {more:,} more' if more else ''})" if shown else ""
