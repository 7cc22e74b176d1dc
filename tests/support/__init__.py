"""What the tests share: running the command, building inputs, cleaning up mounts. Nothing here imports layerctl."""
