"""The refusal for a fact that a profile does not know."""

from hardboot.base.errors import RefusedError


class UnknownFactError(RefusedError):
    """A command needs a fact that the phone's profile does not know.

    Attributes:
        fact: Its dotted name, as in [evidence].
    """

    def __init__(self, fact: str, *, title: str, what: str, how_to_find: str, advice: str = "") -> None:
        """Refuse for lack of a fact.

        Args:
            fact: Its dotted name.
            title: The phone.
            what: The fact in words: "its RAM layout".
            how_to_find: How to find it, from [evidence].
            advice: What helps without finding it; a sentence.
        """
        super().__init__(
            f"the profile of {title} does not know {what}",
            state="Nothing was changed.",
            fix=f"{advice} How to find it: {how_to_find}.".lstrip(),
        )
        self.fact = fact
        self.result["fact"] = fact
