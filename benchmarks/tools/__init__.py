"""One module a program: how it does what the scenarios ask for, in its default, sensible way."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.tools.buildah import Buildah
from benchmarks.tools.docker import Docker
from benchmarks.tools.layerctl import Layerctl
from benchmarks.tools.ostree import Ostree
from benchmarks.tools.podman import Podman
from benchmarks.tools.tool import Tool
from benchmarks.tools.umoci import Umoci

TOOLS: Mapping[str, type[Tool]] = {tool.name: tool for tool in (Layerctl, Docker, Podman, Buildah, Umoci, Ostree)}
