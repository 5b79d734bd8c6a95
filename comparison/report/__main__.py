"""`python -m comparison.report README.md seed=DIR` writes README.md's tables."""

from comparison.report.readme import main

if __name__ == "__main__":
    main()
