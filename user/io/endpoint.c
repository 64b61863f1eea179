#include "endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	n = strtoul(text, &end, 10);
	*out = (uint16_t)n;
	return !*end && n >= 1 && n <= UINT16_MAX;
}

/* host, host:port, [ip6], [ip6]:port */
static bool parse_host(const char *text, struct endpoint *out, const char **why)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
	size_t skip = text[0] == '[';
	size_t len;

	*why = "expected tcp://ADDRESS:PORT, with IPv6 addresses in brackets";
	if (!end)
		return false;
	len = (size_t)(end - text) - skip;
	if (len == 0 || len >= sizeof(out->host))
		return false;
	memcpy(out->host, text + skip, len);
	out->host[len] = 0;
	end += skip;
	out->port = ENDPOINT_PORT_DEFAULT;
	return !*end || (*end == ':' && parse_port(end + 1, &out->port));
}

bool endpoint_parse(const char *text, struct endpoint *out, const char **why)
{
	static const char tcp[] = "tcp://", unix_[] = "unix://";

	memset(out, 0, sizeof(*out));
	*why = "too long";
	if (strlen(text) >= sizeof(out->text))
		return false;
	snprintf(out->text, sizeof(out->text), "%s", text);
	if (strncmp(text, tcp, sizeof(tcp) - 1) == 0) {
		out->kind = ENDPOINT_TCP;
		return parse_host(text + sizeof(tcp) - 1, out, why);
	}
	if (strncmp(text, unix_, sizeof(unix_) - 1) != 0) {
		*why = "expected tcp://ADDRESS:PORT or unix:///PATH";
		return false;
	}
	out->kind = ENDPOINT_UNIX;
	text += sizeof(unix_) - 1;
	if (text[0] != '/') {
		*why = "the path of a unix socket must be absolute: unix:///run/dnstap.sock";
		return false;
	}
	*why = "the path is longer than a unix socket's may be (107 bytes)";
	return (size_t)snprintf(out->path, sizeof(out->path), "%s", text) < sizeof(out->path);
}

int endpoint_resolve(const struct endpoint *e, bool is_passive, struct endpoint_address *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	struct sockaddr_un *sun = (struct sockaddr_un *)&out->sockaddr;
	char port[8];
	int err;

	memset(out, 0, sizeof(*out));
	if (e->kind == ENDPOINT_UNIX) {
		sun->sun_family = AF_UNIX;
		memcpy(sun->sun_path, e->path, sizeof(sun->sun_path));
		out->len = sizeof(*sun);
		return 0;
	}
	hints.ai_flags = AI_NUMERICSERV | (is_passive ? AI_PASSIVE | AI_NUMERICHOST : 0);
	snprintf(port, sizeof(port), "%u", e->port);
	err = getaddrinfo(e->host, port, &hints, &found);
	if (err)
		return err == EAI_SYSTEM ? -errno : -ENOENT;
	memcpy(&out->sockaddr, found->ai_addr, found->ai_addrlen);
	out->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}
