/*
 * endpoint - where to listen or connect: tcp://10.0.0.1:6000, tcp://[::]:6000, tcp://coredns.kube-system:6001 (names
 * only where one connects), unix:///run/dnstap.sock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UNIX };

enum {
	ENDPOINT_TEXT_MAX = 300,
	ENDPOINT_HOST_MAX = 256,
	ENDPOINT_PORT_DEFAULT = 6000,
};

struct endpoint {
	enum endpoint_kind kind;
	char text[ENDPOINT_TEXT_MAX]; /* as it was given: for log lines */
	char host[ENDPOINT_HOST_MAX]; /* without brackets */
	uint16_t port;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* False and *why set (a constant) when the text is no endpoint. */
bool endpoint_parse(const char *text, struct endpoint *out, const char **why);

struct endpoint_address {
	struct sockaddr_storage sockaddr;
	socklen_t len;
};

/*
 * The socket address where no name must be resolved: a unix path or a numeric address. Returns 0, or -ENOENT for a host
 * name: resolving one is the dialer's, which must not block.
 */
int endpoint_address(const struct endpoint *e, struct endpoint_address *out);
