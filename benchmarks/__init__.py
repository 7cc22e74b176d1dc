"""What layerctl costs beside docker, podman, buildah, umoci, ostree and git: ``make bench``, ``python -m benchmarks``.

``tools/`` says how each program does a thing, ``scenarios/`` what is done and measured, the rest how it is measured
and reported. Every figure is that of whole processes as a user starts them, with each program as it comes.
"""
