"""Breaking things on purpose: kills between system calls, power cuts, full disks, failing disks, many at once."""
