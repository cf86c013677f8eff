"""What stands behind the command line: campaigns from files, runs in folders, people at work."""
