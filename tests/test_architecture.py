"""The promises that the package's shape makes to its users."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import rlvision_widgets as rlv
from rlvision_widgets.names import nearest, strict_keywords, unknown

ROOT = Path(__file__).parent.parent
HEAVY = ["torch", "procgen", "gym", "gym3", "sklearn", "captum"]


def _loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys, json\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_the_package_or_its_views_loads_nothing_heavy() -> None:
    assert _loaded_after("import rlvision_widgets") == set()
    assert _loaded_after("import rlvision_widgets as rlv; rlv.Explorer; rlv.open_study; rlv.save_snapshot") == set()


def test_the_check_for_heavy_imports_can_fail() -> None:
    assert _loaded_after("import sklearn") == {"sklearn"}


def test_every_public_name_resolves_and_is_listed() -> None:
    assert set(rlv.__all__) <= set(dir(rlv))
    for name in rlv.__all__:
        assert getattr(rlv, name).__doc__, f"{name} has no docstring"


def test_type_checkers_see_the_same_names_as_users() -> None:
    source = (ROOT / "rlvision_widgets" / "__init__.py").read_text()
    for name, module in rlv._HOME.items():
        assert f"from rlvision_widgets.{module} import {name} as {name}\n" in source


def test_an_unknown_public_name_suggests_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'build_study'"):
        rlv.build_studdy  # noqa: B018


def test_one_version_for_python_and_javascript() -> None:
    assert json.loads((ROOT / "package.json").read_text())["version"] == rlv.__version__


def test_nearest_ignores_case_and_gives_up_on_strangers() -> None:
    assert nearest("Value", ["value", "RIGHT"]) == "value"
    assert nearest("right", ["value", "RIGHT"]) == "RIGHT"
    assert nearest("zebra", ["value", "RIGHT"]) is None


def test_an_unknown_name_says_what_there_is() -> None:
    message = unknown("layer", "2c", ["1a", "2a", "2b"], hint="See agent.layers.")
    assert message == "unknown layer '2c'. Did you mean '2b'? Known: '1a', '2a', '2b'. See agent.layers."


def test_strict_keywords_names_the_nearest_and_keeps_the_signature() -> None:
    @strict_keywords
    def collect(agent: str, *, num_steps: int = 1) -> tuple[str, int]:
        """Collect."""
        return agent, num_steps

    assert collect("a", num_steps=3) == ("a", 3)
    assert collect.__doc__ == "Collect."
    with pytest.raises(TypeError, match=r"unknown keyword 'num_step'\. Did you mean 'num_steps'"):
        collect("a", num_step=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes any keyword"):
        strict_keywords(lambda **options: options)
