"""Speed and memory, measured by commands; no test depends on a clock."""
