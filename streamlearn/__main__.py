"""``python -m streamlearn``: the command line."""

from streamlearn.cli import app

if __name__ == "__main__":
    app(prog_name="streamlearn")
