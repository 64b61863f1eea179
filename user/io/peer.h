/*
 * peer - who is at the other end of a socket.
 */
#pragma once

#include "base/addr.h"
#include "endpoint.h"

enum { PEER_NAME_MAX = ADDR_TEXT_MAX + 16 };

/* False for a unix socket, which has no address. */
bool peer_address(const struct endpoint_address *from, struct addr *out);

/* "10.0.0.1:43210", or for a peer without address the endpoint at which it came in; cut off where it does not fit. */
void peer_name(const struct addr *peer, const char *endpoint, char out[static PEER_NAME_MAX]);
