"""The console on stdout, where results go."""

from rich.console import Console


class Output(Console):
    """A console on stdout that leaves it to the entry point what a closed pipe means."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError again; rich would exit with 1."""
        raise  # called by rich while it handles the error
