"""Holds the sessions of a replay against the recorded truth of a run: every query one session with the right verdict."""
import collections
import gzip
import json


def load(path, expect="expect"):
    """The truths of a run; `expect`: the key of what is expected, "expect_kernel" where the analyser had the packets, too."""
    with gzip.open(path, "rt") as lines:
        truths = [json.loads(line) for line in lines if line.strip()]
    return [dict(truth, expect=truth[expect]) for truth in truths]


def who(session):
    """What a session tells of itself; what it does not tell (no `full`, a lost CQ) is None."""
    client, question = session["Client"] or {}, session["Question"] or {}
    address = client.get("Address")
    if address and ":" in address:
        address = f"[{address}]"
    return {"client": f"{address}:{client['Port']}" if address else None, "id": question.get("ID"),
            "qname": question["Name"].lower() if question.get("Name") else None, "qtype": question.get("Type")}


def may_be(session, truth):
    told = {k: v for k, v in who(session).items() if v is not None and truth.get(k) is not None}
    same = all(v == (truth[k].lower() if k == "qname" else truth[k]) for k, v in told.items())
    return same and ("client" in told or {"id", "qname"} <= set(told))


def anything_goes(truth):
    return "anything goes" in (truth.get("background") or "")


def fits(session, truth):
    expect = truth["expect"]
    if anything_goes(truth):
        return True
    allowed = lambda x: x if isinstance(x, list) else [x]
    return bool(expect) and session["Status"] in allowed(expect["Status"]) and session["BitMap"] in allowed(expect["BitMap"])


def candidates(sessions, truths):
    """For each session the truths that it may be and fits."""
    index = collections.defaultdict(list)
    for n, truth in enumerate(truths):
        for key in {("client", truth.get("client")), ("id", truth.get("id")), ("all", None)}:
            index[key].append(n)
    found = []
    for session in sessions:
        told = who(session)
        key = next(((k, told[k]) for k in ("client", "id") if told[k] is not None), ("all", None))
        near = set(index[key]) | set(index[("client", None)] if key[0] == "client" else [])
        nameless = not any(told.values())
        found.append([n for n in sorted(near) if fits(session, truths[n])
                      and (may_be(session, truths[n]) or nameless and truths[n].get("optional"))])
    return found


def match(found, truths):
    """Kuhn's algorithm: as many sessions as can be given a truth of their own. Returns truth -> session."""
    taken = {}

    def give(session, tried):
        for n in found[session]:
            if n not in tried:
                tried.add(n)
                if n not in taken or give(taken[n], tried):
                    taken[n] = session
                    return True
        return False

    # Truths that must have a session come first, so that optional ones take what is left.
    for session, near in enumerate(found):
        near.sort(key=lambda n: (bool(truths[n].get("optional")), anything_goes(truths[n])))
    for session in sorted(range(len(found)), key=lambda s: len(found[s])):
        give(session, set())
    return taken


def judge(sessions, truths):
    """Returns a list of complaints, empty when all is right."""
    taken = match(candidates(sessions, truths), truths)
    given = set(taken.values())
    complaints = [f"no truth for session {s['Status']} {s['BitMap']} {s['Cause']} {who(s)}"
                  for n, s in enumerate(sessions) if n not in given]
    complaints += [f"no right session for {t.get('client')} id {t.get('id')} {t.get('qname')} {t.get('qtype')}: expected {t['expect']}"
                   for n, t in enumerate(truths) if n not in taken and t["expect"] and not t.get("optional")]
    return complaints
