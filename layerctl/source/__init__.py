"""What can be imported: directories, tar archives, OCI layouts and archives, docker archives."""

from layerctl.source.open import open_source

__all__ = ["open_source"]
