"""Data sets that are asked for by name: what each must be, and where it is found.

One file a family (cifar, mnist, svhn, digits), listed in `catalogue`. `sources` asks
the cache, the user's files (`local_files`), a mirror and the host, in this order. How
bytes are decoded is in `formats`; how they arrive, in `download`.
"""
