"""The command line, as ``python cli.py`` and as ``phasegate``; its commands are in planner/cli."""

from planner.cli.app import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
