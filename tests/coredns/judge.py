"""Holds the analyser's sessions and its accounting against what the scenario expected. Returns mismatches as text."""
from verdicts import CR, FQ, FR, NAMES_ITSELF, attempts

COUNTED = ("joined", "late", "duplicate", "foreign", "malformed")
TELLS_LOSS = ("Lost", "LossSuspected", "Untapped", "Kernel")


def client_of(session):
    client = session.get("Client")
    return (client["Address"], client["Port"]) if client else None


def describe(session):
    question, client = session.get("Question") or {}, session.get("Client") or {}
    verdict = "/".join(str(session.get(key)) for key in ("Status", "BitMap", "Cause", "Rcode"))
    verdict += " retransmit" * bool(session.get("Retransmit")) + (f" {attempts(session)} attempts" if attempts(session) else "")
    verdict += "".join(f" {key} {session[key]}" for key in TELLS_LOSS if session.get(key))
    return f"{verdict} {question.get('Name')} {question.get('Type')} id {question.get('ID')} from {client.get('Address')} port {client.get('Port')}"


def is_closing(session, clients):
    """A query of the laboratory's own."""
    name = (session.get("Question") or {}).get("Name") or "closing."
    return client_of(session) in clients and name.startswith("closing")


def belongs(session, query):
    """Does nothing that the session tells speak against the query?"""
    question, client = session.get("Question"), session.get("Client")
    if not client or client_of(session) != query.client or client["Protocol"] != query.protocol:
        return False
    if session.get("Server") not in (None, query.server):
        return False
    if not question:
        return True
    mine = query.question
    return (question["ID"] in (None, mine.id) and question["Name"].lower() == mine.name.lower() and question["Type"] == mine.qtype)


def pair(sessions, queries):
    """-> ([(query, session or None)], sessions left over); equal keys go by time."""
    left = sorted(sessions, key=lambda s: s["Time"] or "")
    pairs = []
    for query in queries:
        session = next((s for s in left if belongs(s, query)), None)
        if session is not None:
            left.remove(session)
        pairs.append((query, session))
    return pairs, left


def judge_query(query, session):
    wanted = " or ".join(map(str, query.expect)) or "no session"
    if session is None:
        return [f"{query}: expected {wanted}, got no session"] if query.expect and None not in query.expect else []
    if not query.expect:
        return [f"{query}: expected no session, got {describe(session)}"]
    if any(verdict and verdict.fits(session) for verdict in query.expect):
        return []
    return [f"{query}: expected {wanted}, got {describe(session)}"]


def judge_outcome(query):
    """Did the client experience what was scripted? If not, the scenario is at fault and not the analyser."""
    wanted = {verdict.client for verdict in query.expect[:1]}
    if query.nested or not wanted or query.outcome in wanted:
        return []
    return [f"{query}: SCENARIO: the client saw {query.outcome}, scripted was {' or '.join(wanted)}"]


def judge_background(backgrounds, left):
    """Sessions without a client: by name."""
    wrong = []
    for name, verdict, optional in backgrounds:
        named = [s for s in left if ((s.get("Question") or {}).get("Name") or "").lower() == name and not client_of(s)]
        if not named:
            wrong += [] if optional else [f"background {name}: expected {verdict}, got no session without client"]
            continue
        left.remove(named[0])
        if (named[0]["Status"], named[0]["BitMap"], named[0]["Cause"]) != (verdict.status, verdict.bitmap, verdict.cause):
            wrong.append(f"background {name}: expected {verdict}, got {describe(named[0])}")
    return wrong


def judge_form(session, run):
    """What holds for every session of these scenarios, whatever its verdict."""
    wrong, bitmap, release = [], session["BitMap"], run.release
    version = run.version or (f"CoreDNS-{'.'.join(map(str, release))}" if release >= NAMES_ITSELF else None)
    if session.get("Version") != version and (bitmap or session.get("Version")):
        wrong.append(f"Version {session.get('Version')}, not {version}")
    if (session.get("Server") is not None) != (release >= NAMES_ITSELF):
        wrong.append(f"Server {session.get('Server')}")
    if (session.get("DurationMs") is not None) != bool(bitmap & CR):        # a CR tells the query's time, too
        wrong.append(f"DurationMs {session.get('DurationMs')} with BitMap {bitmap}")
    if bool(session.get("Upstreams")) != bool(bitmap & (FQ | FR)):
        wrong.append(f"Upstreams {session.get('Upstreams')} with BitMap {bitmap}")
    strange = {u["Address"] for u in session.get("Upstreams") or []} - set(run.upstreams)
    if strange:
        wrong.append(f"upstream addresses {strange}")
    for key in () if run.lossy else run.unexpected:
        if session.get(key):
            wrong.append(f"{key} {session[key]}, and nothing was lost")
    return [f"{describe(session)}: {w}" for w in wrong]


def judge_sessions(run, sessions):
    """run: a scenario's queries, backgrounds, ignored clients, release, upstream addresses; lossy: frames may be missing."""
    sessions = [s for s in sessions if not is_closing(s, run.ignored)]
    pairs, left = pair(sessions, run.queries)
    wrong = [w for query, session in pairs for w in judge_outcome(query) + judge_query(query, session)]
    wrong += judge_background(run.backgrounds, left)
    wrong += [f"one session too many: {describe(s)}" for s in left]
    return wrong + [w for s in sessions for w in judge_form(s, run)]


def judge_accounting(run, counts, sessions):
    """counts: the analyser's last words; sessions: all of its output lines."""
    wrong = []
    if counts["frames"] != sum(counts[key] for key in COUNTED):
        wrong.append("frames are not the sum of their kinds")
    if counts["sessions_opened"] != counts["sessions_closed"] + counts["sessions_open"] or counts["sessions_open"]:
        wrong.append("sessions do not add up, or were left open")
    if counts["sessions_closed"] != len(sessions):
        wrong.append(f"{len(sessions)} lines for {counts['sessions_closed']} sessions")
    expected = dict.fromkeys(("foreign", "malformed"), 0)
    if run.copies == 1:
        expected |= {"duplicate": 0} | ({"late": run.late} if run.late is not None else {})
    elif counts["duplicate"] + counts["late"] != counts["joined"] * (run.copies - 1) + run.late:
        wrong.append("not every second frame is a copy")
    wrong += [f"{key} is {counts[key]}, not {value}" for key, value in expected.items() if counts[key] != value and not run.lossy]
    return [f"accounting: {w}: {counts}" for w in wrong]
