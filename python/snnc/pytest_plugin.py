"""Golden files in tests: the fixture `snnc_golden` and the option `--snnc-bless`, which pytest finds by itself.

    def test_model(snnc_golden):
        snnc_golden("model.snn", "golden/model.json")

docs/golden.md of the project says what is in the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest

from snnc._snnc import check_golden


class Golden(Protocol):
    """What the fixture is."""

    def __call__(
        self,
        artifact: str | os.PathLike[str],
        golden: str | os.PathLike[str],
        /,
        *,
        data: str | os.PathLike[str] | None = None,
        report: str | os.PathLike[str] | None = None,
    ) -> None:
        """Fails the test unless the artifact does what the golden file says.

        data: the images, an .npz file with `x` and `y`; a golden file that is there says where they are.
        report: the report that says what attacks got; a golden file that has leakage says where it is.

        Paths count from the folder of the test's file. Raises `snnc.Error` or `OSError` for files that are missing or broken.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("snnc").addoption(
        "--snnc-bless", action="store_true", help="write the golden files of spiking networks anew, as the networks are now"
    )


@pytest.fixture
def snnc_golden(request: pytest.FixtureRequest) -> Golden:
    """Holds an artifact against a golden file."""
    folder = request.path.parent
    bless = bool(request.config.getoption("--snnc-bless"))

    def hold(
        artifact: str | os.PathLike[str],
        golden: str | os.PathLike[str],
        /,
        *,
        data: str | os.PathLike[str] | None = None,
        report: str | os.PathLike[str] | None = None,
    ) -> None:
        differences = check_golden(folder / artifact, folder / golden, data=_at(folder, data), report=_at(folder, report), bless=bless)
        if differences is not None:
            pytest.fail(differences, pytrace=False)

    return hold


def _at(folder: Path, name: str | os.PathLike[str] | None) -> Path | None:
    return None if name is None else folder / name
