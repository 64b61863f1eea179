"""What the contract says of a query that the kernel saw, too: verdicts with Kernel, Lost and Untapped. docs/classification.md decides."""
from dataclasses import dataclass, fields, replace

from verdicts import CQ, CR, FQ, FR, GOOD, TAPS_ERRORS, Verdict, dead_upstream, server_error, upstream

NAMES = {CQ: "CLIENT_QUERY", CR: "CLIENT_RESPONSE", FQ: "FORWARDER_QUERY", FR: "FORWARDER_RESPONSE"}
COMPLETE, PARTIAL, NONE = "complete", "partial", "none"


@dataclass(frozen=True)
class Proven(Verdict):
    states: tuple = (COMPLETE,)         # one of these stands in Kernel.State
    queries: tuple = (True,)            # one of these: the query was seen where CoreDNS is
    responses: tuple = (None,)          # one of these: the rcode that left, None: no response was seen
    drops: tuple = ()                   # (packet, reason), each
    lost: tuple = ()                    # kinds
    untapped: tuple = ()

    def fits(self, session):
        kernel = session.get("Kernel") or {}
        return (super().fits(session) and kernel.get("State") in self.states and kernel.get("Query") in self.queries
                and kernel.get("Response") in self.responses
                and {(d["Packet"], d["Reason"]) for d in kernel.get("Drops") or ()} == set(self.drops)
                and set(session.get("Lost") or ()) == set(self.lost) and set(session.get("Untapped") or ()) == set(self.untapped))

    def __str__(self):
        facts = [f"kernel {'/'.join(self.states)} response {'/'.join(map(str, self.responses))}"]
        facts += [f"{packet} dropped: {reason}" for packet, reason in self.drops]
        facts += [f"{word} {'+'.join(kinds)}" for word, kinds in (("lost", self.lost), ("untapped", self.untapped)) if kinds]
        return f"{super().__str__()} ({'; '.join(facts)})"

    def partly(self):
        """As far as it was seen: where events were lost, the kernel may not tell all of it."""
        return replace(self, states=(COMPLETE, PARTIAL, NONE), queries=(True, False), responses=(*self.responses, None))


def seen(verdict, **changes):
    """The packets agree with what dnstap tells."""
    facts = {f.name: getattr(verdict, f.name) for f in fields(verdict)}
    if not isinstance(verdict, Proven):
        facts["responses"] = (None if verdict.client == "timeout" else verdict.client,)
    return Proven(**(facts | changes))


def bare(rcode="NOERROR", forwarded=True):
    """Without `full`: the packets say what dnstap does not."""
    if forwarded or rcode in GOOD:
        return seen(upstream(rcode) if forwarded else Verdict("Succeeded", CQ | CR, "local_answer", rcode, rcode))
    return seen(Verdict("Failed", CQ | CR, "server_error", rcode, rcode))


def dead(release, unsent=False):
    """Attempts without an answer: up to 1.14.7 only the kernel sees the server's own SERVFAIL."""
    return untapped(release, dead_upstream(release, unsent))


def own_error(release, rcode="SERVFAIL"):
    """The server writes an error, no upstream being involved."""
    verdict = untapped(release, server_error(release, rcode))
    return replace(verdict, cause="server_error")


def untapped(release, verdict):
    if release >= TAPS_ERRORS:
        return seen(verdict)
    return seen(verdict, rcode=verdict.client, untapped=(NAMES[CR],))


def not_served():
    """REFUSED for a zone that no server block serves: no release taps anything."""
    return Proven("Failed", 0, "server_error", "REFUSED", "REFUSED", responses=("REFUSED",), untapped=(NAMES[CR],))


def query_dropped(*reasons):
    return Proven("Failed", 0, "query_dropped", None, "timeout", drops=tuple(("query", r) for r in reasons))


def response_dropped(verdict, *reasons, **changes):
    """CoreDNS answered, and the packet went missing: `verdict` is what it would be else."""
    drops = tuple(("response", r) for r in reasons)
    return replace(seen(verdict, **changes), status="Failed", cause="response_dropped", client="timeout", drops=drops)


def no_response(bitmap=CQ):
    """CoreDNS got the query, and no packet left."""
    return Proven("Failed", bitmap, "no_response", None, "timeout")


def not_sent(bitmap, rcode=None):
    """There was something to answer with, and no response left."""
    return Proven("Failed", bitmap, "response_not_sent", rcode, "timeout")


def lost(bitmap, *kinds, rcode="NOERROR"):
    """Frames of an answered query are missing, and it is proven."""
    return Proven("SampleLoss", bitmap, "dnstap_lost", rcode, rcode, responses=(rcode,), lost=tuple(NAMES[k] for k in kinds))
