"""A service's refusal on its way out: raised where it is found, answered at the service's door."""

from partnerauth.messages import Response


class Refusal(Exception):
    """The service says no, and this is how."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response
