"""`python -m comparison.report README.md first=DIR` writes what README.md shows."""

from comparison.report.readme import main

if __name__ == "__main__":
    main()
