"""What the running analyser says over HTTP. The only file that knows the names of its metrics."""
import http.client, re, socket

HTTP_PORT = 9166
LOST = "dnstap_analyser_dnstap_messages_lost_total"
LOST_AT_MOST = "dnstap_analyser_dnstap_messages_lost_upper_total"
WATCHES = "dnstap_analyser_kernel_watches"
EVENTS_LOST = "dnstap_analyser_kernel_events_lost_total"
SILENT = "dnstap_analyser_kernel_silent_servers"


def get(network, address, path):
    """-> (status, text); asked from within the hub."""
    connection = http.client.HTTPConnection(address, HTTP_PORT, timeout=10)
    with network.inside("hub"):
        connection.sock = socket.create_connection((address, HTTP_PORT), 10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(network, address):
    return parse(get(network, address, "/metrics")[1])


def parse(text):
    """OpenMetrics -> [(name, {label: value}, number)]"""
    samples = []
    for line in text.splitlines():
        if found := re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+).*', line):
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            samples.append((found[1], labels, float(found[3])))
    return samples


def total(samples, name, **labels):
    """The sum over all samples with these labels; None where the metric is not there at all."""
    values = [v for n, had, v in samples if n == name and all(had.get(k) == w for k, w in labels.items())]
    return sum(values) if values else None


def loss(samples, server):
    """-> (least, most) dnstap messages of that server lost, by what the kernel saw; None: not told."""
    least = total(samples, LOST, server=server, evidence="kernel")
    most = total(samples, LOST_AT_MOST, server=server, evidence="kernel")
    return None if least is None else (least, least if most is None else most)
