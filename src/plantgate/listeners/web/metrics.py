"""/metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.figures import part_samples
from plantgate.model.gateway import Sample


class _Samples(Collector):
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """One family per name, in the order in which names first appear."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self._samples:
            family = families.get(sample.name)
            if family is None:
                kind = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
                family = families[sample.name] = kind(
                    sample.name, sample.help, labels=[label for label, _ in sample.labels]
                )
            family.add_metric([value for _, value in sample.labels], sample.value)
        yield from families.values()


async def metrics(_: Request, context: WebContext) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(chain(context.samples(), part_samples(context.statuses()))))
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})
