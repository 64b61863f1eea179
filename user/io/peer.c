#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>

bool peer_address(const struct endpoint_address *from, struct addr *out)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&from->sockaddr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&from->sockaddr;

	switch (from->sockaddr.ss_family) {
	case AF_INET:
		*out = addr_from_bytes(slice_of(&v4->sin_addr, 4), ntohs(v4->sin_port));
		return true;
	case AF_INET6:
		*out = addr_from_bytes(slice_of(&v6->sin6_addr, 16), ntohs(v6->sin6_port));
		return true;
	}
	return false;
}

void peer_name(const struct addr *peer, const char *endpoint, char out[static PEER_NAME_MAX])
{
	struct buf text;

	if (!peer) {
		snprintf(out, PEER_NAME_MAX, "%s", endpoint);
		return;
	}
	buf_init(&text, PEER_NAME_MAX);
	addr_print_port(peer, &text);
	snprintf(out, PEER_NAME_MAX, "%.*s", (int)text.len, (const char *)text.data);
	buf_release(&text);
}
