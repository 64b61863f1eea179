#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
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

int endpoint_address(const struct endpoint *e, struct endpoint_address *out)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&out->sockaddr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sockaddr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sockaddr;

	memset(out, 0, sizeof(*out));
	if (e->kind == ENDPOINT_UNIX) {
		sun->sun_family = AF_UNIX;
		memcpy(sun->sun_path, e->path, sizeof(sun->sun_path));
		out->len = sizeof(*sun);
	} else if (inet_pton(AF_INET, e->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(e->port);
		out->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, e->host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(e->port);
		out->len = sizeof(*v6);
	} else {
		return -ENOENT;
	}
	return 0;
}
