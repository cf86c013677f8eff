"""What stands behind the command line: campaigns from files, runs in folders, people at work."""

__all__: list[str] = []  # private: streamlearn.cli alone uses it
