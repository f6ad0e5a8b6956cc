"""The few figures of /metrics that a terminal has room for."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

ASKED_BY_MACHINES = ("/health/", "/metrics")


@dataclass(frozen=True)
class Figures:
    """Figures of one process since its start; those of database and broker are shared by all."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0
    in_use: int = 0
    most: int = 0
    outbox: int = 0
    outbox_age: float = 0
    dead_letters: int = 0
    mails: int | None = None  # that are due; of who sends none, nothing
    mails_age: float = 0
    mails_too_old: int = 0
    lag: dict[str, int] = field(default_factory=dict)
    announced: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    mailed: Counter[str] = field(default_factory=Counter)

    @property
    def has_database(self) -> bool:
        return bool(self.most)

    @property
    def milliseconds(self) -> float:
        """The average duration of a request."""
        return 1000 * self.seconds / self.requests if self.requests else 0


def read(text: str) -> Figures:
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    counts = [s for s in named(samples, "guichet_request_seconds_count") if by_people(s)]
    return Figures(
        requests=total(counts),
        failed=total(s for s in counts if s.labels["status"].startswith("5")),
        seconds=sum(s.value for s in named(samples, "guichet_request_seconds_sum") if by_people(s)),
        in_use=total(labelled(samples, "guichet_pool_connections", state="in_use")),
        most=total(labelled(samples, "guichet_pool_connections", state="most")),
        outbox=total(named(samples, "guichet_outbox_events")),
        outbox_age=sum(s.value for s in named(samples, "guichet_outbox_age_seconds")),
        dead_letters=total(named(samples, "guichet_dead_letters")),
        mails=total(queue) if (queue := named(samples, "guichet_mail_queue_mails")) else None,
        mails_too_old=total(named(samples, "guichet_mail_too_old_mails")),
        mails_age=sum(s.value for s in named(samples, "guichet_mail_queue_age_seconds")),
        lag={
            s.labels["stream"]: int(s.value)
            for s in named(samples, "guichet_consumer_lag_events")
            if not math.isnan(s.value)  # where the broker does not say
        },
        announced=by_label(samples, "guichet_events_published_total", "type"),
        applied=by_label(samples, "guichet_events_handled_total", "type"),
        refused=by_label(samples, "guichet_refusals_total", "code"),
        mailed=by_label(samples, "guichet_mails_total", "outcome"),
    )


def together(replicas: Iterable[Figures]) -> Figures:
    """One service's: counters add up, and what all see alike is what the last of them saw."""
    every = list(replicas)
    lag: dict[str, int] = {}
    for each in every:
        lag |= {stream: max(waiting, lag.get(stream, 0)) for stream, waiting in each.lag.items()}
    return Figures(
        requests=sum(each.requests for each in every),
        failed=sum(each.failed for each in every),
        seconds=sum(each.seconds for each in every),
        in_use=sum(each.in_use for each in every),
        most=sum(each.most for each in every),
        outbox=max((each.outbox for each in every), default=0),
        outbox_age=max((each.outbox_age for each in every), default=0),
        dead_letters=max((each.dead_letters for each in every), default=0),
        mails=max((each.mails for each in every if each.mails is not None), default=None),
        mails_too_old=max((each.mails_too_old for each in every), default=0),
        mails_age=max((each.mails_age for each in every), default=0),
        lag=lag,
        announced=sum((each.announced for each in every), Counter()),
        applied=sum((each.applied for each in every), Counter()),
        refused=sum((each.refused for each in every), Counter()),
        mailed=sum((each.mailed for each in every), Counter()),
    )


def named(samples: Iterable[Sample], name: str) -> list[Sample]:
    return [sample for sample in samples if sample.name == name]


def labelled(samples: Iterable[Sample], name: str, **labels: str) -> list[Sample]:
    return [sample for sample in named(samples, name) if sample.labels.items() >= labels.items()]


def by_people(sample: Sample) -> bool:
    return not sample.labels["route"].startswith(ASKED_BY_MACHINES)


def total(samples: Iterable[Sample]) -> int:
    return int(sum(sample.value for sample in samples))


def by_label(samples: Iterable[Sample], name: str, label: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for sample in named(samples, name):
        if sample.value:
            counted[sample.labels[label]] += int(sample.value)
    return counted
