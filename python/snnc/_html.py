"""What a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy

from snnc._snnc import Network, Result, Trace

_WIDTH, _ROW, _TEXT = 360, 16, 150
_COLOUR = "#4c78a8"
# Most classes that are listed.
_CLASSES = 10


def of_network(network: Network) -> str:
    shape = "×".join(map(str, network.input_shape))
    facts = f"{shape} ({network.layout}) to {network.classes} classes, {network.code} code, {network.timesteps} time steps, latency {network.latency}"
    layers = [[layer.name, f"{layer.connections:,}", layer.drive, _or_none(layer.digits)] for layer in network.layers]
    sizes = [(population.name, float(population.size), f"{population.size:,} {population.kind}") for population in network.populations]
    return _page("Network", facts, _table(["layer", "connections", "driven by", "digits"], layers), _bars("entries", sizes))


def of_result(result: Result) -> str:
    classes, counts = numpy.unique(result.predictions, return_counts=True)
    often = numpy.argsort(-counts, kind="stable")[:_CLASSES]
    facts = f"{len(result)} images, {result.timesteps} time steps, {len(classes)} classes seen"
    predicted = [[str(classes[place]), str(counts[place])] for place in sorted(often)]
    return _page("Result", facts, _table(["class" if len(classes) <= _CLASSES else "most frequent class", "images"], predicted), _rates(result))


def of_trace(trace: Trace) -> str:
    facts = f"{len(trace)} images, {trace.result.timesteps} time steps"
    return _page("Trace", facts, _strips("spikes an entry, at each step", trace), _rates(trace.result))


def _rates(result: Result) -> str:
    return _bars("spikes an entry and step", [(name, rate, f"{rate:.3f}") for name, rate in result.rates.items()])


def _page(name: str, facts: str, *parts: str) -> str:
    return f"<div><b>snnc.{name}</b>: {escape(facts)}{''.join(parts)}</div>"


def _or_none(number: int | None) -> str:
    return "" if number is None else str(number)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _bars(title: str, bars: Sequence[tuple[str, float, str]]) -> str:
    """A bar for each name, and what it says."""
    longest = max((length for _, length, _ in bars), default=0.0) or 1.0
    rows = [
        f'<rect x="{_TEXT}" y="{_ROW * row + 3}" width="{_WIDTH * length / longest:.1f}" height="{_ROW - 5}" fill="{_COLOUR}"/>'
        f'<text x="{_TEXT + _WIDTH * length / longest + 4:.1f}" y="{_ROW * row + 12}">{escape(text)}</text>'
        for row, (_, length, text) in enumerate(bars)
    ]
    return _plot(title, [name for name, _, _ in bars], rows)


def _strips(title: str, trace: Trace) -> str:
    """A strip of steps for each population, the darker the more of it fired."""
    rows = []
    for row, spikes in enumerate(trace.spikes.values()):
        steps = numpy.abs(spikes).reshape(len(spikes), -1).mean(axis=1) if spikes.size else numpy.zeros(len(spikes))
        width = _WIDTH / max(len(steps), 1)
        rows += [
            f'<rect x="{_TEXT + width * step:.1f}" y="{_ROW * row + 2}" width="{width:.1f}" height="{_ROW - 3}" fill="{_COLOUR}" '
            f'fill-opacity="{rate:.3f}"><title>{rate:.3f}</title></rect>'
            for step, rate in enumerate(steps)
        ]
    return _plot(title, list(trace.spikes), rows)


def _plot(title: str, names: Sequence[str], shapes: Iterable[str]) -> str:
    labels = "".join(
        f'<text x="{_TEXT - 6}" y="{_ROW * row + 12}" text-anchor="end">{escape(name if len(name) <= 24 else name[:23] + "…")}</text>'
        for row, name in enumerate(names)
    )
    height = _ROW * max(len(names), 1)
    return (
        f"<div>{escape(title)}</div>"
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_TEXT + _WIDTH + 130}" height="{height}" font-size="11" font-family="sans-serif" '
        f'fill="currentColor">{labels}{"".join(shapes)}</svg>'
    )
