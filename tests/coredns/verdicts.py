"""What the contract says of a query: the expected verdicts, named. docs/classification.md decides, not this file."""
from dataclasses import dataclass, replace

TAPS_ERRORS = (1, 15, 0)                # from here on, the errors that the server itself writes are tapped
TELLS_UNSENT = (1, 14, 5)               # from here on, an attempt that could not be sent has no local address
NAMES_ITSELF = (1, 9, 4)                # from here on, frames carry identity and version

CQ, CR, FQ, FR = 1, 2, 4, 8
GOOD = ("NOERROR", "NXDOMAIN")


def attempts(session):
    return session.get("Attempts") or len(session.get("Upstreams") or [])


@dataclass(frozen=True)
class Verdict:
    status: str
    bitmap: int
    cause: str
    rcode: str = None                   # in the record: what a CR showed
    client: str = "NOERROR"             # what the client saw
    attempts: int = 0                   # the least number of attempts; 0: follows from the bitmap
    retransmit: bool = False

    @property
    def has_response(self):
        return bool(self.bitmap & CR)

    def fits(self, session):
        """Is that what the session's record says?"""
        return ((session["Status"], session["BitMap"], session["Cause"], session.get("Rcode"))
                == (self.status, self.bitmap, self.cause, self.rcode)
                and bool(session.get("Retransmit")) == self.retransmit and attempts(session) >= self.attempts)

    def bare(self):
        """Without `full`: frames hold no message, so no rcode is known."""
        return replace(self, rcode=None)

    def again(self):
        """The same need once more from the same socket."""
        return replace(self, retransmit=True)

    def storm(self, attempts):
        return replace(self, attempts=attempts)

    def __str__(self):
        return (f"{self.status}/{self.bitmap}/{self.cause}/{self.rcode}" + " retransmit" * self.retransmit
                + (f" >= {self.attempts} attempts" if self.attempts else ""))


def local(rcode="NOERROR"):
    """Answered from the server's own records or its cache."""
    good = rcode in GOOD
    return Verdict("Succeeded" if good else "Failed", CQ | CR, "local_answer" if good else "server_error", rcode, rcode)


def stale():
    """A stale cache entry, the upstream being dead."""
    return Verdict("Succeeded", CQ | FQ | CR, "stale_answer", "NOERROR")


def upstream(rcode="NOERROR"):
    good = rcode in GOOD
    return Verdict("Succeeded" if good else "Failed", 15, "upstream_answer" if good else "upstream_error", rcode, rcode)


def server_error(release, rcode="SERVFAIL"):
    """The server writes an error of its own, no upstream being involved."""
    if release >= TAPS_ERRORS:
        return Verdict("Failed", CQ | CR, "server_error", rcode, rcode)
    return Verdict("Failed", CQ, "no_response", None, rcode)


def dead_upstream(release, unsent=False, written=False):
    """Attempts without an answer. unsent: none could leave; written: a plugin writes the SERVFAIL, in every release."""
    cause = "upstream_unreachable" if unsent and release >= TELLS_UNSENT else "upstream_timeout"
    if release >= TAPS_ERRORS or written:
        return Verdict("Failed", CQ | FQ | CR, cause, "SERVFAIL", "SERVFAIL")
    return Verdict("Failed", CQ | FQ, cause, None, "SERVFAIL")


def wrong_reply():
    """The upstream answered something else: forward itself says FORMERR, in every release tapped."""
    return Verdict("Failed", 15, "server_error", "FORMERR", "FORMERR")


def silence():
    """The query was dropped on purpose by a plugin, or its answer could not be written."""
    return Verdict("Failed", CQ, "no_response", None, "timeout")


def not_written(tcp):
    """The upstream answered, and the answer could not be written to the client."""
    return Verdict("Failed" if tcp else "SampleLoss", CQ | FQ | FR, "response_not_recorded", None, "timeout")


def cut_off():
    """The stream ended before the session could."""
    return Verdict("SampleLoss", CQ, "stream_ended", None, "timeout")


def refresh(good=True):
    """A background refresh of the cache: nobody asked."""
    return Verdict("Succeeded" if good else "Failed", 12 if good else FQ, "background_refresh")
