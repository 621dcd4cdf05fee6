"""`python -m pressplay`: the command line without the installed script."""

from pressplay.cli.main import main

if __name__ == "__main__":
    main()
